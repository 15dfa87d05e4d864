// Half-steps by Cholesky of ranks up to 160; see half_step_wide.cuh.
#include "half_step_wide.cuh"

typedef WideShape<160, 224, 32, 5, 2> Rank160;

HALF_STEP_WIDE(half_step_160, Rank160)
