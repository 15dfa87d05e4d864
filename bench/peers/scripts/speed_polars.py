"""Times read_csv of polars on the ratings of MovieLens 20M and later. The number of
threads is that of the environment variable POLARS_MAX_THREADS.

usage: speed_polars.py FILE
"""

import sys
import time

import polars

from answer import answer

types = {
    "userId": polars.Int32,
    "movieId": polars.Int32,
    "rating": polars.Float32,
    "timestamp": polars.Int64,
}


def read():
    start = time.perf_counter()
    table = polars.read_csv(sys.argv[1], schema=types, columns=["userId", "movieId", "rating"])
    return {"seconds": time.perf_counter() - start, "ratings": table.height}


answer(version=lambda: {"version": polars.__version__}, read=read)
