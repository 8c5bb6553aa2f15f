"""Checks a wheel: size, platform tag, contents, materials, and that it works in a clean environment elsewhere."""

import argparse
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

LIMIT_MB = 15
NEWEST_GLIBC = (2, 28)
SMOKE = Path(__file__).with_name("smoke.py")


def files(wheel: Path) -> set[str]:
    """Names in the wheel, without its bill of materials and the module's suffix, which depends on the interpreter."""
    names = [name for name in zipfile.ZipFile(wheel).namelist() if "/sboms/" not in name]
    return {re.sub(r"(_native)\.[\w.-]+\.so$", r"\1.so", name) for name in names}


def check_contents(wheel: Path) -> None:
    names = files(wheel)
    for name in ("spikeloop/__init__.py", "spikeloop/_native.so", "spikeloop/_native.pyi", "spikeloop/py.typed"):
        assert name in names, f"{wheel.name} lacks {name}"
    foreign = [n for n in names if not n.startswith(("spikeloop/", "spikeloop-"))]
    assert not foreign, f"{wheel.name} would install {foreign} beside the package"
    print(f"{wheel.name}: {len(names)} files")


def check_size(wheel: Path) -> None:
    size = wheel.stat().st_size / 1e6
    assert size < LIMIT_MB, f"{wheel.name} is {size:.1f} MB, the limit is {LIMIT_MB} MB"
    print(f"{size:.2f} MB")


def check_tag(wheel: Path, python: Path) -> None:
    shown = subprocess.run(
        [python, "-m", "auditwheel", "show", wheel], check=True, capture_output=True, text=True
    ).stdout
    tag = re.search(r'"manylinux_(\d+)_(\d+)_\w+"', shown)
    assert tag, f"auditwheel finds no manylinux tag:\n{shown}"
    glibc = int(tag[1]), int(tag[2])
    assert glibc <= NEWEST_GLIBC, f"{wheel.name} needs a newer glibc than {NEWEST_GLIBC}:\n{shown}"
    assert "manylinux_{}_{}_".format(*NEWEST_GLIBC) in wheel.name, f"{wheel.name} is not tagged for {NEWEST_GLIBC}"
    python = "cp311-cp311" if "cp311" in wheel.name else "cp312-abi3"
    assert f"-{python}-" in wheel.name, f"{wheel.name} should have the stable ABI of Python 3.12"
    print(f"auditwheel: runs with glibc {glibc[0]}.{glibc[1]}")


def check_materials(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    bills = [name for name in archive.namelist() if "/sboms/" in name]
    assert len(bills) == 1, f"{wheel.name} has {len(bills)} bills of materials, expected one"
    text = archive.read(bills[0]).decode()
    assert str(Path.home()) not in text, f"{bills[0]} holds a path of this machine"
    assert str(Path.cwd()) not in text, f"{bills[0]} holds a path of this machine"
    names = {component["name"] for component in json.loads(text)["components"]}
    assert {"nanobind", "pyo3-ffi", "spikeloop-kernels"} <= names, f"{bills[0]} lists {names} only"
    print(f"{bills[0]}: {len(names)} components")


def check_install(wheel: Path, work: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--clear", work / "venv"], check=True)
    python = work / "venv/bin/python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", wheel], check=True)
    subprocess.run([python, SMOKE], check=True, cwd=work)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=lambda p: Path(p).resolve())
    parser.add_argument("--python", type=Path, help="interpreter that has auditwheel: check size, tag and materials")
    parser.add_argument("--work", type=Path, help="folder for a clean environment: install and run there")
    parser.add_argument("--same-files-as", type=Path, metavar="WHEEL")
    args = parser.parse_args()
    check_contents(args.wheel)
    if args.python:
        check_size(args.wheel)
        check_tag(args.wheel, args.python)
        check_materials(args.wheel)
    if args.work:
        args.work.mkdir(parents=True, exist_ok=True)
        check_install(args.wheel, args.work.resolve())
    if args.same_files_as:
        difference = files(args.wheel) ^ files(args.same_files_as)
        assert not difference, f"the wheels differ in {sorted(difference)}"


if __name__ == "__main__":
    main()
