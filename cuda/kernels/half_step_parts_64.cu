// Half-steps by Cholesky of rows in parts, of ranks up to 64; see half_step_parts.cuh.
#include "half_step_parts.cuh"

typedef Shape<64, 4, 1, 160, 1, 1, 4> Parts64;

HALF_STEP_PARTS(half_step_parts_64, Parts64)
