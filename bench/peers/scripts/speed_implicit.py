"""Times the AlternatingLeastSquares of implicit.

usage: speed_implicit.py RATINGS

The ratings are the confidences. Training is the time of its iterations alone,
without the transposing of the ratings before.
"""

import os
import sys
import time

# implicit has threads of its own and asks for a BLAS with one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import implicit
import numpy as np
from implicit.cpu import _als
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix

from answer import answer
from exchange import read_factors, read_ratings

user, item, rating = read_ratings(sys.argv[1])
ratings = csr_matrix((rating, (user, item)))


def untrained(rank, threads, **options):
    return AlternatingLeastSquares(factors=rank, num_threads=threads, **options)


def train(start, solver, rank, iterations, regularization, threads):
    """Times training from the factors of a model file."""
    elapsed = []
    model = untrained(
        rank, threads, use_cg=solver == "cg", iterations=iterations, regularization=regularization
    )
    model.user_factors, model.item_factors = read_factors(start)
    model.fit(ratings, show_progress=False, callback=lambda i, seconds, loss: elapsed.append(seconds))
    return {
        "seconds": sum(elapsed),
        "loss": loss(model.user_factors, model.item_factors, regularization),
    }


def loss(users, items, regularization):
    return float(_als.calculate_loss(ratings, users, items, regularization, num_threads=0))


def loss_of(model, regularization):
    return {"loss": loss(*read_factors(model), regularization)}


def recommend(model, top, threads):
    """Times the best items of every user, what was seen left out: in one call and
    in blocks of users; the faster counts."""
    m = untrained(1, threads)
    m.user_factors, m.item_factors = read_factors(model)
    m.factors = m.user_factors.shape[1]
    everybody = np.arange(ratings.shape[0])
    best = float("inf")
    for block in (len(everybody), 1000):
        start = time.perf_counter()
        for lo in range(0, len(everybody), block):
            ids = everybody[lo : lo + block]
            m.recommend(ids, ratings[lo : lo + block], N=top)
        best = min(best, time.perf_counter() - start)
    return {"seconds": best}


answer(
    version=lambda: {"version": implicit.__version__},
    train=train,
    loss=loss_of,
    recommend=recommend,
)
