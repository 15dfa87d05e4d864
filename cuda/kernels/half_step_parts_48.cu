// Half-steps by Cholesky of rows in parts, of ranks up to 48; see half_step_parts.cuh.
#include "half_step_parts.cuh"

typedef Shape<48, 4, 1, 96, 1, 1, 6> Parts48;

HALF_STEP_PARTS(half_step_parts_48, Parts48)
