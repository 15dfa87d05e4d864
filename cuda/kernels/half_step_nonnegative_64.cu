// Half-steps by NonNegative of ranks up to 64; see half_step_nonnegative.cuh.
#include "half_step_nonnegative.cuh"

typedef Shape<64, 4, 1, 160, 1, 1, 4> NonNegative64;

HALF_STEP_NONNEGATIVE(half_step_nonnegative_64, NonNegative64)
