// Half-steps by Cholesky of rows in parts, of ranks up to 8; see half_step_parts.cuh.
#include "half_step_parts.cuh"

typedef Shape<8, 4, 10, 32, 1, 4, 4> Parts8;

HALF_STEP_PARTS(half_step_parts_8, Parts8)
