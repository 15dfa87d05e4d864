"""Times OpenBLAS by loops in C.

usage: speed_blas.py LOOPS

LOOPS is blas_loops.c as a shared library.
"""

import ctypes
import os
import sys

import scipy_openblas32

from answer import answer

openblas = ctypes.CDLL(
    os.path.join(scipy_openblas32.get_lib_dir(), "lib" + scipy_openblas32.get_library() + ".so")
)
loops = ctypes.CDLL(sys.argv[1])


def routine(name):
    return ctypes.cast(getattr(openblas, "scipy_" + name), ctypes.c_void_p)


def timed(loop, name, threads, least, *sizes):
    """Returns the seconds of a round."""
    openblas.scipy_openblas_set_num_threads(threads)
    function = getattr(loops, loop)
    function.restype = ctypes.c_double
    seconds = function(routine(name), *map(ctypes.c_int, sizes), ctypes.c_double(least))
    if not seconds > 0:
        raise SystemExit(f"{name} failed")
    return {"seconds": seconds}


def version():
    get_config = openblas.scipy_openblas_get_config
    get_config.restype = ctypes.c_char_p
    get_core = openblas.scipy_openblas_get_corename
    get_core.restype = ctypes.c_char_p
    number = get_config().decode().split()[1]
    return {"version": f"{number} ({get_core().decode()})"}


answer(
    version=version,
    gemm=lambda m, n, k, threads, least: timed("time_sgemm", "cblas_sgemm", threads, least, m, n, k),
    gram=lambda rows, k, threads, least: timed("time_ssyrk", "cblas_ssyrk", threads, least, rows, k),
    solve=lambda count, n, threads, least: timed("time_sposv", "sposv_", threads, least, count, n),
)
