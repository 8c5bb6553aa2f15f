"""Run in a peer's environment: `python _serve.py _nest` answers requests with the functions of `_nest.py`.

A request is one JSON line on stdin: {"do": name of the function, **its arguments}. The answer is one line on stdout,
{"result": {name: number or array}} or {"error": traceback}; an empty one comes first, when the functions are ready.
"""

import json
import os
import sys
import traceback
from importlib import import_module


def main(name):
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # simulators print, from their import on
    functions = import_module(name)
    print(json.dumps({"result": {}}), file=answers)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"result": getattr(functions, request.pop("do"))(**request)}
        except Exception:
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer, default=lambda x: x.tolist()), file=answers)


if __name__ == "__main__":
    main(*sys.argv[1:])
