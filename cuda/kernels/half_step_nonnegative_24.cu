// Half-steps by NonNegative of ranks up to 24; see half_step_nonnegative.cuh.
#include "half_step_nonnegative.cuh"

typedef Shape<24, 4, 1, 32, 1, 4, 4> NonNegative24;

HALF_STEP_NONNEGATIVE(half_step_nonnegative_24, NonNegative24)
