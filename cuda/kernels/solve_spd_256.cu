// Batches of systems of orders up to 256; see solve_spd_wide.cuh.
#include "solve_spd_wide.cuh"

typedef WideShape<256, 544, 0, 1, 1> Order256;

SOLVE_SPD_WIDE(solve_spd_256, Order256)
