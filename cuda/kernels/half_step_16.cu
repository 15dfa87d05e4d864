// Half-steps by Cholesky of ranks up to 16; see half_step_tiles.cuh.
#include "half_step_tiles.cuh"

typedef Shape<16, 4, 3, 32, 30, 4, 4> Rank16;

HALF_STEP_TILES(half_step_16, Rank16, false)
HALF_STEP_TILES(half_step_16_weighted, Rank16, true)
