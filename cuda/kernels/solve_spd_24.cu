// Batches of systems of orders up to 24; see solve_spd_tiles.cuh.
#include "solve_spd_tiles.cuh"

typedef Shape<24, 4, 1, 32, 1, 4, 8> Order24;

SOLVE_SPD_TILES(solve_spd_24, Order24)
