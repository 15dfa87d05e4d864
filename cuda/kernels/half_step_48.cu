// Half-steps by Cholesky of ranks up to 48; see half_step_tiles.cuh.
#include "half_step_tiles.cuh"

typedef Shape<48, 4, 1, 96, 24, 1, 6> Rank48;

HALF_STEP_TILES(half_step_48, Rank48, false)
HALF_STEP_TILES(half_step_48_weighted, Rank48, true)
