"""Figures are drawn without a screen and closed after each test."""

import matplotlib as mpl
import pytest

mpl.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")
