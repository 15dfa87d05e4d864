// Batches of systems of orders up to 160; see solve_spd_wide.cuh.
#include "solve_spd_wide.cuh"

typedef WideShape<160, 224, 0, 1, 2> Order160;

SOLVE_SPD_WIDE(solve_spd_160, Order160)
