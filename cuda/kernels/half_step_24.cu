// Half-steps by Cholesky of ranks up to 24; see half_step_tiles.cuh.
#include "half_step_tiles.cuh"

typedef Shape<24, 4, 3, 64, 24, 1, 7> Rank24;

HALF_STEP_TILES(half_step_24, Rank24, false)
HALF_STEP_TILES(half_step_24_weighted, Rank24, true)
