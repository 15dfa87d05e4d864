// Half-steps by NonNegative of ranks up to 48; see half_step_nonnegative.cuh.
#include "half_step_nonnegative.cuh"

typedef Shape<48, 4, 1, 96, 1, 1, 6> NonNegative48;

HALF_STEP_NONNEGATIVE(half_step_nonnegative_48, NonNegative48)
