// Half-steps by Cholesky of rows in parts, of ranks up to 16; see half_step_parts.cuh.
#include "half_step_parts.cuh"

typedef Shape<16, 4, 3, 32, 1, 4, 4> Parts16;

HALF_STEP_PARTS(half_step_parts_16, Parts16)
