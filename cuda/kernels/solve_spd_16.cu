// Batches of systems of orders up to 16; see solve_spd_tiles.cuh.
#include "solve_spd_tiles.cuh"

typedef Shape<16, 4, 1, 32, 1, 4, 8> Order16;

SOLVE_SPD_TILES(solve_spd_16, Order16)
