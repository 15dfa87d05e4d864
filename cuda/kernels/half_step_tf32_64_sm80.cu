// Half-steps by Cholesky of ranks up to 64 in TF32; see half_step_tf32.cuh.
#include "half_step_tf32.cuh"

typedef Shape<64, 8, 1, 64, 16, 1, 6> Rank64;

HALF_STEP_TF32(half_step_tf32_64, Rank64, false)
HALF_STEP_TF32(half_step_tf32_64_weighted, Rank64, true)
