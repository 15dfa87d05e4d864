// Batches of systems of orders up to 48; see solve_spd_tiles.cuh.
#include "solve_spd_tiles.cuh"

typedef Shape<48, 4, 1, 96, 1, 1, 10> Order48;

SOLVE_SPD_TILES(solve_spd_48, Order48)
