// Half-steps by Cholesky of rows in parts, of ranks up to 32; see half_step_parts.cuh.
#include "half_step_parts.cuh"

typedef Shape<32, 4, 3, 128, 1, 1, 4> Parts32;

HALF_STEP_PARTS(half_step_parts_32, Parts32)
