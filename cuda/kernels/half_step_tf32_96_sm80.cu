// Half-steps by Cholesky of ranks up to 96 in TF32; see half_step_tf32.cuh.
#include "half_step_tf32.cuh"

typedef Shape<96, 8, 1, 96, 16, 1, 4> Rank96;

HALF_STEP_TF32(half_step_tf32_96, Rank96, false)
HALF_STEP_TF32(half_step_tf32_96_weighted, Rank96, true)
