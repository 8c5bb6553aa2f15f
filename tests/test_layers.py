"""Packages stand on each other in one order: a module imports from its own package and from those below."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import spikeloop

ROOT = Path(spikeloop.__file__).parent

# From below: packages, and modules beside them that stand among them. Whatever else lies beside them is the ground.
GROUND = {"util"}
ORDER = (
    "surrogate", "kernels", "random", "init", "transform", "delays", "connect", "nn", "_form", "equations",
    "plasticity", "models", "nest", "snn", "inputs", "networks", "parallel", "metric", "record", "io", "train",
    "analysis", "plot", "errors", "_info", "_plan", "_summary", "compat", "cli", "__main__", "__init__",
)  # fmt: skip
# What a user calls on an object from below: `sl.kernels.show(step)` traces the step, `run.plot()` draws a figure.
CALLED_FROM_BELOW = {("kernels/program/_show.py", "transform"), ("record/_run.py", "plot")}


def imports(path):
    """(line, package or module beside the packages) of all relative imports, those inside of functions included."""
    package = path.relative_to(ROOT).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            parts = (*base, *(node.module or "").split(".")) if node.module else base
            for name in [parts[0]] if parts else [alias.name for alias in node.names]:
                yield node.lineno, name


def unit(path):
    """The package of a file, or its own name beside the packages."""
    parts = path.relative_to(ROOT).parts
    return parts[0] if len(parts) > 1 else path.stem


def height(name):
    return ORDER.index(name) if name in ORDER else -1


def test_all_packages_have_a_place():
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages <= {*ORDER} | GROUND, packages - {*ORDER}


@pytest.mark.parametrize("name", ["ground", *ORDER])
def test_imports_go_down(name):
    files = [p for p in ROOT.rglob("*.py") if (unit(p) if unit(p) in ORDER else "ground") == name]
    assert files
    upwards = [
        f"{path.relative_to(ROOT)}:{line} imports {target}"
        for path in files
        for line, target in imports(path)
        if (str(path.relative_to(ROOT)), target) not in CALLED_FROM_BELOW
        if target != unit(path) and height(target) >= max(height(unit(path)), 0)
    ]
    assert upwards == []


def circles(package):
    """The sets of files of a package that need each other to be understood, imports for type checkers included."""
    files = {path.stem: path for path in (ROOT / package).glob("*.py") if path.stem != "__init__"}
    needs = {}
    for name, path in files.items():
        found = {
            n.module for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.ImportFrom) and n.level == 1
        }
        needs[name] = {stem for stem in files if stem in found} - {name}
    reached = {name: set(found) for name, found in needs.items()}
    for _ in files:
        reached = {name: found.union(*(reached[x] for x in found)) for name, found in reached.items()}
    return {frozenset(x for x in found if name in reached[x]) for name, found in reached.items() if name in found}


@pytest.mark.parametrize("package", ["delays", "nn", "plasticity", "models", "nest", "snn", "inputs"])
def test_files_of_a_package_stand_on_each_other_in_one_order(package):
    assert circles(package) == set()


def test_some_packages_are_imported_when_they_are_first_used():
    code = "import sys, spikeloop as sl; later = {'io', 'nest', 'snn', 'train'};"
    code += "loaded = lambda: later & {m[10:] for m in sys.modules}; assert not loaded() and later <= {*dir(sl)};"
    code += "sl.nest.iaf_psc_exp; assert loaded() == {'nest'}"
    subprocess.run([sys.executable, "-c", code], check=True)
