"""Computes ranking metrics of recommendations with ranx.

usage: ranking.py --train RATINGS --test RATINGS --threshold R --metrics NAMES LISTS

What is looked for is the held-out ratings of at least the threshold whose user and
item have ratings in the training part. The means are over the users that have one.
NAMES are ranx's, with commas: ndcg@10,map@10.
"""

import argparse
from importlib.metadata import version

import numpy as np
import ranx

from exchange import print_result, read_ratings


def by_user(users, items, values):
    table = {}
    for user, item, value in zip(users.tolist(), items.tolist(), values.tolist()):
        table.setdefault(str(user), {})[str(item)] = value
    return table


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--train", required=True)
    parser.add_argument("--test", required=True)
    parser.add_argument("--threshold", type=float, required=True)
    parser.add_argument("--metrics", required=True)
    parser.add_argument("lists")
    args = parser.parse_args()

    trained_users, trained_items, _ = read_ratings(args.train)
    user, item, rating = read_ratings(args.test)
    relevant = rating >= args.threshold
    relevant &= np.isin(user, trained_users) & np.isin(item, trained_items)
    qrels = by_user(user[relevant], item[relevant], np.ones(relevant.sum(), dtype=np.int64))
    user, item, _ = read_ratings(args.lists)
    # ranx sorts by score: the place in the file keeps the order of equal scores.
    run = by_user(user, item, -np.arange(len(user), dtype=np.float64))
    run = {user: run[user] for user in qrels}
    metrics = {
        name: float(ranx.evaluate(ranx.Qrels(qrels), ranx.Run(run), name))
        for name in args.metrics.split(",")
    }
    print_result(version=version("ranx"), users=len(qrels), metrics=metrics)


main()
