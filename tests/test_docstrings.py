"""The examples in the docstrings of public classes and functions."""

import doctest
import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl

PUBLIC = [getattr(sl, name) for name in dir(sl) if not name.startswith("_")]
PACKAGES = [sl, *(x for x in PUBLIC if isinstance(x, ModuleType))]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
LEAST = 64  # classes and functions with an example


def examples() -> dict[str, Any]:
    """{name: doctest} of every public class and function that has an example."""
    parser, found, seen = doctest.DocTestParser(), {}, set()
    for package in PACKAGES:
        for key, value in vars(package).items():
            doc = getattr(value, "__doc__", None)
            if key.startswith("_") or inspect.ismodule(value) or id(value) in seen or not callable(value):
                continue
            seen.add(id(value))
            if doc and ">>>" in doc and getattr(value, "__module__", "").startswith("spikeloop"):
                name = f"{package.__name__}.{key}"
                names = {"sl": sl, "u": u, "jnp": jnp, "np": np}
                found[name] = parser.get_doctest(inspect.cleandoc(doc), names, name, None, None)
    return found


EXAMPLES = examples()


def test_the_most_used_names_have_examples():
    assert len(EXAMPLES) >= LEAST


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    sl.environ.reset()
    sl.random.seed(0)
    said: list[str] = []
    with sl.environ.context(dt=0.1 * u.ms) if name != "spikeloop.environ.set" else sl.environ.context():
        result = doctest.DocTestRunner(optionflags=FLAGS).run(EXAMPLES[name], out=said.append)
    sl.environ.reset()
    assert result.failed == 0, "".join(said)
    assert result.attempted > 0
