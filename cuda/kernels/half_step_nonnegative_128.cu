// Half-steps by NonNegative of ranks up to 128; see half_step_nonnegative.cuh.
#include "half_step_nonnegative.cuh"

typedef Shape<128, 8, 1, 160, 1, 1, 3> NonNegative128;

HALF_STEP_NONNEGATIVE(half_step_nonnegative_128, NonNegative128)
