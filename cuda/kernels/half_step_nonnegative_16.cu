// Half-steps by NonNegative of ranks up to 16; see half_step_nonnegative.cuh.
#include "half_step_nonnegative.cuh"

typedef Shape<16, 4, 1, 32, 1, 4, 4> NonNegative16;

HALF_STEP_NONNEGATIVE(half_step_nonnegative_16, NonNegative16)
