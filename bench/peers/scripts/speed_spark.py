"""Times a job of Spark MLlib: from a file of ratings to the mean squared error over
all of them, without the start of Spark.

usage: speed_spark.py FILE THREADS MEMORY

THREADS is the N of local[N], MEMORY that of the driver, such as 4g.
"""

import sys
import time

import pyspark
from pyspark.ml.evaluation import RegressionEvaluator
from pyspark.ml.recommendation import ALS
from pyspark.sql import SparkSession

from answer import answer

file, threads, memory = sys.argv[1:]
spark = (
    SparkSession.builder.master(f"local[{threads}]")
    .config("spark.driver.memory", memory)
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.ui.enabled", "false")
    .config("spark.sql.shuffle.partitions", threads)
    .getOrCreate()
)
spark.sparkContext.setLogLevel("ERROR")


def job(rank, iterations, regularization):
    start = time.perf_counter()
    ratings = spark.read.csv(
        file, schema="user INT, item INT, rating FLOAT, timestamp LONG", header=True
    ).drop("timestamp")
    ratings.cache()
    als = ALS(
        rank=rank,
        maxIter=iterations,
        regParam=regularization,
        seed=1,
        userCol="user",
        itemCol="item",
        ratingCol="rating",
        numUserBlocks=int(threads),
        numItemBlocks=int(threads),
    )
    model = als.fit(ratings)
    mse = RegressionEvaluator(
        labelCol="rating", predictionCol="prediction", metricName="mse"
    ).evaluate(model.transform(ratings))
    return {"seconds": time.perf_counter() - start, "mse": mse}


answer(version=lambda: {"version": pyspark.__version__}, job=job)
