"""Options of the tests that run the code of the documentation."""

import matplotlib
import pytest

matplotlib.use("Agg")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--figures", action="store_true", help="write the figures that the pages show anew")
