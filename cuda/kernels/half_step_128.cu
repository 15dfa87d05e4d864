// Half-steps by Cholesky of ranks up to 128; see half_step_tiles.cuh.
#include "half_step_tiles.cuh"

typedef Shape<128, 8, 1, 160, 10, 1, 3> Rank128;

HALF_STEP_TILES(half_step_128, Rank128, false)
HALF_STEP_TILES(half_step_128_weighted, Rank128, true)
