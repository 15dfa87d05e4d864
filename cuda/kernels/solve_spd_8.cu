// Batches of systems of orders up to 8; see solve_spd_tiles.cuh.
#include "solve_spd_tiles.cuh"

typedef Shape<8, 4, 1, 32, 1, 4, 8> Order8;

SOLVE_SPD_TILES(solve_spd_8, Order8)
