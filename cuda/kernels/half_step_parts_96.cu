// Half-steps by Cholesky of rows in parts, of ranks up to 96; see half_step_parts.cuh.
#include "half_step_parts.cuh"

typedef Shape<96, 8, 1, 96, 1, 1, 5> Parts96;

HALF_STEP_PARTS(half_step_parts_96, Parts96)
