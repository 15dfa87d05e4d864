// Half-steps by Cholesky of ranks up to 128 in TF32; see half_step_tf32.cuh.
#include "half_step_tf32.cuh"

typedef Shape<128, 8, 1, 160, 8, 1, 2> Rank128;

HALF_STEP_TF32(half_step_tf32_128, Rank128, false)
HALF_STEP_TF32(half_step_tf32_128_weighted, Rank128, true)
