"""Trains the AlternatingLeastSquares of implicit from the factors of a model file
and compares its factors with those of another.

usage: implicit_als.py --train RATINGS --start MODEL --model MODEL
         --solver cholesky|cg --iterations N --regularization LAMBDA

The ratings are the confidences. implicit computes in float64, so that what differs
is the rounding of the model, and once more in float32, to tell how much rounding
matters. Factors differ by the difference of the row that differs most, relative to
the length of that row in float64.
"""

import argparse
import os

# implicit has threads of its own and asks for a BLAS with one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import implicit
import numpy as np
from implicit.cpu.als import AlternatingLeastSquares

from exchange import print_result, read_factors, read_matrix


def train(args, dtype):
    """Returns the factors of users and items that implicit computes in a type."""
    users, items = (factors.astype(dtype) for factors in read_factors(args.start))
    model = AlternatingLeastSquares(
        factors=users.shape[1],
        regularization=args.regularization,
        dtype=dtype,
        use_cg=args.solver == "cg",
        iterations=args.iterations,
    )
    model.user_factors, model.item_factors = users, items
    model.fit(read_matrix(args.train, (len(users), len(items))), show_progress=False)
    return model.user_factors, model.item_factors


def difference(factors, exact):
    """Returns the largest relative difference of a row of users or items."""
    worst = 0.0
    for side, exact_side in zip(factors, exact):
        if not np.isfinite(side).all():
            raise SystemExit("a factor is not finite")
        lengths = np.linalg.norm(exact_side, axis=1)
        differences = np.linalg.norm(side - exact_side, axis=1)
        if differences[lengths == 0].any():
            raise SystemExit("a row that should be zero is not")
        known = lengths > 0
        worst = max(worst, float((differences[known] / lengths[known]).max()))
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--train", required=True)
    parser.add_argument("--start", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--solver", choices=["cholesky", "cg"], required=True)
    parser.add_argument("--iterations", type=int, required=True)
    parser.add_argument("--regularization", type=float, required=True)
    args = parser.parse_args()
    exact = train(args, np.float64)
    print_result(
        version=implicit.__version__,
        ours=difference(read_factors(args.model), exact),
        theirs=difference(train(args, np.float32), exact),
    )


main()
