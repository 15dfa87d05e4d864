// Half-steps by NonNegative of ranks up to 8; see half_step_nonnegative.cuh.
#include "half_step_nonnegative.cuh"

typedef Shape<8, 4, 1, 32, 1, 4, 4> NonNegative8;

HALF_STEP_NONNEGATIVE(half_step_nonnegative_8, NonNegative8)
