// Half-steps by NonNegative of ranks up to 96; see half_step_nonnegative.cuh.
#include "half_step_nonnegative.cuh"

typedef Shape<96, 8, 1, 96, 1, 1, 5> NonNegative96;

HALF_STEP_NONNEGATIVE(half_step_nonnegative_96, NonNegative96)
