// Half-steps by Cholesky of ranks up to 32; see half_step_tiles.cuh.
#include "half_step_tiles.cuh"

typedef Shape<32, 4, 3, 128, 24, 1, 4> Rank32;

HALF_STEP_TILES(half_step_32, Rank32, false)
HALF_STEP_TILES(half_step_32_weighted, Rank32, true)
