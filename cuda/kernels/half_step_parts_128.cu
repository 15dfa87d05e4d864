// Half-steps by Cholesky of rows in parts, of ranks up to 128; see half_step_parts.cuh.
#include "half_step_parts.cuh"

typedef Shape<128, 8, 1, 160, 1, 1, 3> Parts128;

HALF_STEP_PARTS(half_step_parts_128, Parts128)
