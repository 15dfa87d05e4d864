// Batches of systems of orders up to 64; see solve_spd_tiles.cuh.
#include "solve_spd_tiles.cuh"

typedef Shape<64, 4, 1, 160, 1, 1, 6> Order64;

SOLVE_SPD_TILES(solve_spd_64, Order64)
