// Half-steps by Cholesky of ranks up to 256; see half_step_wide.cuh.
#include "half_step_wide.cuh"

typedef WideShape<256, 544, 96, 3, 1> Rank256;

HALF_STEP_WIDE(half_step_256, Rank256)
