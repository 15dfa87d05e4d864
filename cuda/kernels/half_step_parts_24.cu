// Half-steps by Cholesky of rows in parts, of ranks up to 24; see half_step_parts.cuh.
#include "half_step_parts.cuh"

typedef Shape<24, 4, 3, 64, 1, 1, 7> Parts24;

HALF_STEP_PARTS(half_step_parts_24, Parts24)
