// Half-steps by Cholesky of ranks up to 96; see half_step_tiles.cuh.
#include "half_step_tiles.cuh"

typedef Shape<96, 8, 1, 96, 8, 1, 5> Rank96;

HALF_STEP_TILES(half_step_96, Rank96, false)
HALF_STEP_TILES(half_step_96_weighted, Rank96, true)
