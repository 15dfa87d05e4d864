// Batches of systems of orders up to 192; see solve_spd_wide.cuh.
#include "solve_spd_wide.cuh"

typedef WideShape<192, 320, 2> Order192;

SOLVE_SPD_WIDE(solve_spd_192, Order192)
