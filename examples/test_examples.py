"""Every example runs from end to end, shortly, and does what it says."""

import importlib.util
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import pytest
import spikeloop as sl

matplotlib.use("Agg")
HERE = Path(__file__).parent
EXPECTED = {  # name -> arguments, range of the result
    "coba": (["--neurons", "1000", "--seconds", "0.3", "--out", "figure.png"], (10.0, 60.0)),
    "delayed_xor": (["--epochs", "2", "--out", "figure.png"], (0.6, 1.0)),
    "digits": (["--epochs", "8", "--out", "figure.png"], (0.95, 1.0)),
    "digits_conv": (["--epochs", "1", "--out", "figure.png"], (0.7, 1.0)),
    "digits_rules": (["--epochs", "1", "--out", "figure.png"], (0.5, 1.0)),
    "fit_adex": (["--iterations", "150", "--out", "figure.png"], (0.0, 0.5)),
    "spoken_digits": (["--epochs", "2", "--out", "figure.png"], (0.2, 1.0)),
    "train_lif": (["--epochs", "40", "--out", "figure.png"], (0.9, 1.0)),
}


def load(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_example_is_listed():
    assert set(EXPECTED) == {p.stem for p in HERE.glob("*.py")} - {Path(__file__).stem}


@pytest.mark.parametrize("name", EXPECTED)
def test_example(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    sl.environ.reset()
    arguments, (low, high) = EXPECTED[name]
    assert low <= load(name).main(arguments) <= high
    assert plt.imread("figure.png")[..., :3].std() > 0.01
    plt.close("all")
