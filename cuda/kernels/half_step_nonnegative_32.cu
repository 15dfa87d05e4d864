// Half-steps by NonNegative of ranks up to 32; see half_step_nonnegative.cuh.
#include "half_step_nonnegative.cuh"

typedef Shape<32, 4, 1, 64, 1, 1, 8> NonNegative32;

HALF_STEP_NONNEGATIVE(half_step_nonnegative_32, NonNegative32)
