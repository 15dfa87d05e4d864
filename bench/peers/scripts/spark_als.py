"""Trains the ALS of Spark MLlib and reports its error on held-out ratings.

usage: spark_als.py --train RATINGS --test RATINGS --convention explicit|implicit
         --rank K --iterations N --lambda L --alpha A --seed S [--top N --lists LISTS]

The root mean squared error is Spark's own, over the pairs whose user and item are
in the training part. --lists takes the N best items of every user that are not in
the training part, by Spark's factors: Spark itself cannot leave items out.
"""

import argparse
import os

import numpy as np
import pyspark
from pyspark.ml.evaluation import RegressionEvaluator
from pyspark.ml.recommendation import ALS
from pyspark.sql import SparkSession

from exchange import print_result, read_ratings, write_lists

SCHEMA = "user INT, item INT, rating FLOAT"


def start_spark():
    spark = (
        SparkSession.builder.master("local[*]")
        .config("spark.driver.memory", "4g")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", str(os.cpu_count()))
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def dense(factors):
    """Returns the ids, ascending, and the rows of a DataFrame of factors."""
    rows = sorted((r["id"], r["features"]) for r in factors.collect())
    return np.array([r[0] for r in rows]), np.array([r[1] for r in rows], dtype=np.float32)


def recommend(model, train, top):
    """Returns users with their best unseen items and the scores, best first."""
    users, user_factors = dense(model.userFactors)
    items, item_factors = dense(model.itemFactors)
    scores = user_factors @ item_factors.T
    seen_user, seen_item, _ = read_ratings(train)
    scores[np.searchsorted(users, seen_user), np.searchsorted(items, seen_item)] = -np.inf
    best = np.argsort(-scores, axis=1, kind="stable")[:, :top]
    return users, items[best], np.take_along_axis(scores, best, axis=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--train", required=True)
    parser.add_argument("--test", required=True)
    parser.add_argument("--convention", choices=["explicit", "implicit"], required=True)
    parser.add_argument("--rank", type=int, required=True)
    parser.add_argument("--iterations", type=int, required=True)
    parser.add_argument("--lambda", dest="lambda_", type=float, required=True)
    parser.add_argument("--alpha", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--top", type=int, default=10)
    parser.add_argument("--lists")
    args = parser.parse_args()

    spark = start_spark()
    als = ALS(
        rank=args.rank,
        maxIter=args.iterations,
        regParam=args.lambda_,
        implicitPrefs=args.convention == "implicit",
        alpha=args.alpha,
        seed=args.seed,
        userCol="user",
        itemCol="item",
        ratingCol="rating",
        coldStartStrategy="drop",
    )
    model = als.fit(spark.read.csv(args.train, schema=SCHEMA, header=True))
    predictions = model.transform(spark.read.csv(args.test, schema=SCHEMA, header=True)).cache()
    rmse = RegressionEvaluator(labelCol="rating", predictionCol="prediction", metricName="rmse")
    print_result(version=pyspark.__version__, rmse=rmse.evaluate(predictions), ratings=predictions.count())
    if args.lists:
        write_lists(args.lists, *recommend(model, args.train, args.top))
    spark.stop()


main()
