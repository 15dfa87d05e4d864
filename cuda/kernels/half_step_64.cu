// Half-steps by Cholesky of ranks up to 64; see half_step_tiles.cuh.
#include "half_step_tiles.cuh"

typedef Shape<64, 4, 1, 160, 20, 1, 4> Rank64;

HALF_STEP_TILES(half_step_64, Rank64, false)
HALF_STEP_TILES(half_step_64_weighted, Rank64, true)
