"""Answers requests: a JSON object on a line of stdin, {"work": NAME, ...}, is
answered by one on a line of stdout, what the function of that name returns."""

import json
import sys


def answer(**functions):
    for line in sys.stdin:
        request = json.loads(line)
        result = functions[request.pop("work")](**request)
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()
