"""Checks a wheel: size, platform tag, contents, and that it works in a clean environment elsewhere."""

import argparse
import re
import subprocess
import sys
import zipfile
from pathlib import Path

LIMIT_MB = 15
SMOKE = Path(__file__).with_name("smoke.py")


def files(wheel: Path) -> set[str]:
    """Names in the wheel, without the extension module's suffix, which depends on the interpreter."""
    names = zipfile.ZipFile(wheel).namelist()
    return {re.sub(r"(_native)\.[\w.-]+\.so$", r"\1.so", name) for name in names}


def check_contents(wheel: Path) -> None:
    size = wheel.stat().st_size / 1e6
    assert size < LIMIT_MB, f"{wheel.name} is {size:.1f} MB, the limit is {LIMIT_MB} MB"
    names = files(wheel)
    for name in ("spikeloop/__init__.py", "spikeloop/_native.so", "spikeloop/_native.pyi", "spikeloop/py.typed"):
        assert name in names, f"{wheel.name} lacks {name}"
    foreign = [n for n in names if not n.startswith(("spikeloop/", "spikeloop-"))]
    assert not foreign, f"{wheel.name} would install {foreign} beside the package"
    print(f"{wheel.name}: {size:.2f} MB, {len(names)} files")


def check_tag(wheel: Path, python: Path) -> None:
    shown = subprocess.run(
        [python, "-m", "auditwheel", "show", wheel], check=True, capture_output=True, text=True
    ).stdout
    tag = re.search(r'"(manylinux_\d+_\d+_\w+)"', shown)
    assert tag, f"auditwheel finds no manylinux tag:\n{shown}"
    assert "manylinux" in wheel.name, f"{wheel.name} has no manylinux tag, it could have {tag[1]}"
    print(f"auditwheel: {tag[1]}")


def check_install(wheel: Path, work: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--clear", work / "venv"], check=True)
    python = work / "venv/bin/python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", wheel], check=True)
    subprocess.run([python, SMOKE], check=True, cwd=work)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=lambda p: Path(p).resolve())
    parser.add_argument("--python", type=Path, help="interpreter that has auditwheel: check the tag")
    parser.add_argument("--work", type=Path, help="folder for a clean environment: install and run there")
    parser.add_argument("--same-files-as", type=Path, metavar="WHEEL")
    args = parser.parse_args()
    check_contents(args.wheel)
    if args.python:
        check_tag(args.wheel, args.python)
    if args.work:
        args.work.mkdir(parents=True, exist_ok=True)
        check_install(args.wheel, args.work.resolve())
    if args.same_files_as:
        difference = files(args.wheel) ^ files(args.same_files_as)
        assert not difference, f"the wheels differ in {sorted(difference)}"


if __name__ == "__main__":
    main()
