"""The files that the scripts and the command give each other.

Ratings are CSV files with the header user,item,rating, lists of recommendations
CSV files with the header user,item,score, best first within a user. Users and
items are rows, counted from 0. Models are safetensors files, of which only the
factors are read. A result is one JSON object on stdout.
"""

import json
import sys

import numpy as np
from safetensors.numpy import load_file
from scipy.sparse import csr_matrix


def read_ratings(path):
    """Returns the columns user and item (int32) and rating (float32) of a file."""
    columns = [("user", np.int32), ("item", np.int32), ("rating", np.float32)]
    table = np.atleast_1d(np.loadtxt(path, delimiter=",", skiprows=1, dtype=columns))
    return table["user"], table["item"], table["rating"]


def read_matrix(path, shape):
    """Returns the ratings of a file as a sparse matrix of users by items."""
    user, item, rating = read_ratings(path)
    return csr_matrix((rating, (user, item)), shape=shape)


def read_factors(path):
    """Returns the factors of users and items of a model file, float32."""
    tensors = load_file(path)
    return tensors["user_factors"], tensors["item_factors"]


def write_lists(path, users, items, scores):
    """Writes a row of items and of scores for each of the users."""
    with open(path, "w") as file:
        file.write("user,item,score\n")
        for user, row, values in zip(users, items, scores):
            file.writelines(f"{user},{i},{s!r}\n" for i, s in zip(row.tolist(), values.tolist()))


def print_result(**values):
    json.dump(values, sys.stdout)
    sys.stdout.write("\n")
