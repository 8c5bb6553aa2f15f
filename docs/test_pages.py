"""Runs the Python code of README.md and of every page.

The blocks of a page run in order, in one namespace. A `text` block right after a Python block is what that block must
print; a comment `<!-- numbers within 20 % -->` before it allows for rounding on other machines. An image right after it
is the figure that the block must draw.
"""

import contextlib
import io
import itertools
import re
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pytest
import spikeloop as sl

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(
    r"^```python\n(?P<code>.*?)^```\n"
    r"(?:\n*(?:^<!-- numbers within (?P<tolerance>\d+) % -->\n)?^```text\n(?P<prints>.*?)^```\n)?"
    r"(?:\n*^!\[[^\]]*\]\((?P<figure>[^)]*\.png)\))?",
    re.DOTALL | re.MULTILINE,
)
TOKEN = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?|[^\s\d]+?(?=-?\d|\s|$)|\S")


class Block(NamedTuple):
    code: str
    line: int  # of its first line in the page
    prints: str | None
    figure: str | None
    tolerance: float  # of the numbers in what it prints


def blocks(page: Path) -> list[Block]:
    text = page.read_text()
    return [
        Block(m["code"], text.count("\n", 0, m.start("code")), m["prints"], m["figure"], int(m["tolerance"] or 0) / 100)
        for m in BLOCK.finditer(text)
    ]


PAGES = [p for p in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))) if blocks(p)]


@pytest.fixture(autouse=True)
def clean_slate(monkeypatch: pytest.MonkeyPatch):
    """Every page starts as a new interpreter would."""
    sl.environ.reset()
    sl.transform.clear_caches()
    sl.random.seed(0)
    monkeypatch.setattr(plt, "show", lambda: None)
    yield
    plt.close("all")
    sl.environ.reset()


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_page(page: Path, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {"__name__": "page"}
    for block in blocks(page):
        where = f"{page.relative_to(ROOT)}:{block.line + 1}"
        printed = run(block, page, namespace)
        if block.prints is not None:
            assert matches(block.prints, printed, block.tolerance), (
                f"{where} prints\n{printed}\ninstead of\n{block.prints}"
            )
        if block.figure is not None:
            compare_figure(page.parent / block.figure, where, rewrite=request.config.getoption("--figures"))


def run(block: Block, page: Path, namespace: dict[str, Any]) -> str:
    printed = io.StringIO()
    code = compile("\n" * block.line + block.code, page, "exec")  # tracebacks show lines of the page
    with contextlib.redirect_stdout(printed):
        exec(code, namespace)
    return printed.getvalue()


def matches(expected: str, printed: str, tolerance: float) -> bool:
    """Whether both have the same words, and numbers that differ by at most `tolerance` of the expected one."""
    pairs = list(itertools.zip_longest(TOKEN.findall(expected), TOKEN.findall(printed)))
    return all(a == b or (tolerance and is_close(a, b, tolerance)) for a, b in pairs)


def is_close(expected: str | None, printed: str | None, tolerance: float) -> bool:
    try:
        a, b = float(str(expected)), float(str(printed))
    except ValueError:
        return False
    return abs(a - b) <= tolerance * abs(a)


@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_the_first_example_is_short_and_shows_a_picture(page: str):
    first = blocks(ROOT / page)[0]
    assert len([line for line in first.code.splitlines() if line.strip()]) <= 15
    assert "figures/index.png" in (ROOT / page).read_text()
    assert (ROOT / "docs/figures/index.png").stat().st_size <= 100_000


def test_matches():
    assert matches("a 10 Hz\n", "a  10 Hz", 0.0)
    assert not matches("a 10 Hz", "a 10.5 Hz", 0.0)
    assert matches("a 10 Hz", "a 10.5 Hz", 0.1)
    assert not matches("a 10 Hz", "a 12 Hz", 0.1)
    assert not matches("a 10 Hz", "b 10 Hz", 0.1)
    assert not matches("a 10", "a 10 Hz", 0.1)


def compare_figure(shown: Path, where: str, *, rewrite: bool) -> None:
    """What the page shows is what its code draws; only coarse differences count, fonts may differ."""
    drawn = Path("drawn.png")
    plt.gcf().savefig(drawn, dpi=100, metadata={"Software": None})
    plt.close("all")
    if rewrite:
        shown.parent.mkdir(exist_ok=True)
        shown.write_bytes(drawn.read_bytes())
    assert coarse(drawn).std() > 0.01, f"{where} draws an empty figure"
    assert shown.exists(), f"{shown} is missing: run `pytest docs --figures`"
    difference = np.abs(coarse(drawn) - coarse(shown))
    assert difference.mean() < 0.01, f"{where} draws another figure than {shown}: run `pytest docs --figures`"


def coarse(image: Path) -> np.ndarray:
    """Mean brightness of a grid of 32 × 32 cells."""
    grey = plt.imread(image)[..., :3].mean(axis=-1)
    rows = (strip.mean(axis=0) for strip in np.array_split(grey, 32))
    return np.array([[cell.mean() for cell in np.array_split(row, 32)] for row in rows])
