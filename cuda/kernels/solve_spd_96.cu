// Batches of systems of orders up to 96; see solve_spd_tiles.cuh.
#include "solve_spd_tiles.cuh"

typedef Shape<96, 8, 1, 96, 1, 1, 5> Order96;

SOLVE_SPD_TILES(solve_spd_96, Order96)
