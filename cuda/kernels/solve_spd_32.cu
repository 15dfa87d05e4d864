// Batches of systems of orders up to 32; see solve_spd_tiles.cuh.
#include "solve_spd_tiles.cuh"

typedef Shape<32, 4, 1, 64, 1, 1, 12> Order32;

SOLVE_SPD_TILES(solve_spd_32, Order32)
