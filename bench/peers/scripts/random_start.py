"""Writes a model file with random factors to start training from: rows of length 1
in random directions, as the ALS of Spark draws them, or with --uniform numbers
between 0 and SIZE, as implicit draws them with 0.01.

usage: random_start.py --like MODEL --seed S --out MODEL [--uniform SIZE]

All else is as in the model file --like.
"""

import argparse
import hashlib

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save

NO_CHECKSUM = "0" * 64


def with_checksum(file):
    """Returns the model file with its SHA-256 in the place of zeros."""
    checksum = hashlib.sha256(file).hexdigest()
    return file.replace(NO_CHECKSUM.encode(), checksum.encode(), 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--like", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--uniform", type=float)
    args = parser.parse_args()

    tensors = load_file(args.like)
    with safe_open(args.like, framework="np") as file:
        metadata = file.metadata()
    random = np.random.RandomState(args.seed)
    for name in ["user_factors", "item_factors"]:
        if args.uniform:
            factors = args.uniform * random.random_sample(tensors[name].shape)
        else:
            factors = random.standard_normal(tensors[name].shape)
            factors /= np.linalg.norm(factors, axis=1, keepdims=True)
        tensors[name] = factors.astype(np.float32)
    with open(args.out, "wb") as file:
        file.write(with_checksum(save(tensors, metadata | {"sha256": NO_CHECKSUM})))


main()
