// Batches of systems of orders up to 128; see solve_spd_tiles.cuh.
#include "solve_spd_tiles.cuh"

typedef Shape<128, 8, 1, 160, 1, 1, 3> Order128;

SOLVE_SPD_TILES(solve_spd_128, Order128)
