// Half-steps by Cholesky of ranks up to 8; see half_step_tiles.cuh.
#include "half_step_tiles.cuh"

typedef Shape<8, 4, 10, 32, 30, 4, 6> Rank8;

HALF_STEP_TILES(half_step_8, Rank8, false)
HALF_STEP_TILES(half_step_8_weighted, Rank8, true)
