"""compile.py OUT: the CUDA kernels as the fat binary OUT, with nvcc from the path or from PyPI's wheels.

`OUT` with the ending `.targets` says which processors it is for. A kernel that uses a stack or spills registers fails
the build: it is to be written otherwise.
"""

import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

PROCESSORS = (80, 90, 100, 120)  # the last PTX, of the oldest, serves those that come later
FLAGS = ("-std=c++17", "-O3", "--fmad=false", "-Werror=all-warnings", "-compress-mode=size", "--threads=2")
WHEELS = Path(sysconfig.get_path("purelib"), "nvidia", "cu13")
RESOURCES = re.compile(
    r"Compiling entry function '(\w+)' for 'sm_(\d+)'.*?(\d+) bytes stack frame, (\d+) bytes spill stores, "
    r"(\d+) bytes spill loads.*?Used (\d+) registers",
    re.DOTALL,
)


def nvcc():
    """nvcc, with what it needs to be told."""
    if found := shutil.which("nvcc"):
        return [found]
    if (WHEELS / "bin" / "nvcc").exists():
        return [WHEELS / "bin" / "nvcc", f"-I{WHEELS / 'include'}", f"-I{WHEELS / 'include' / 'cccl'}"]
    sys.exit("nvcc is neither on the path nor installed from PyPI: pip install --group cuda")


def compile_kernels(out):
    """The report of ptxas."""
    codes = [f"-gencode=arch=compute_{k},code=sm_{k}" for k in PROCESSORS]
    codes.append(f"-gencode=arch=compute_{PROCESSORS[0]},code=compute_{PROCESSORS[0]}")
    folder = Path(__file__).parent
    command = [*nvcc(), *FLAGS, f"-I{folder}", *codes, "--resource-usage", "-fatbin", "-o", out, folder / "kernels.cu"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{done.stdout}{done.stderr}")
    return done.stderr


def check(report):
    """Fails unless each kernel works in registers alone; returns how many there are, and the most registers."""
    found = [(name, int(sm), *map(int, numbers)) for name, sm, *numbers in RESOURCES.findall(report)]
    kernels = {name for name, *_ in found}
    if len(found) != len(kernels) * len(PROCESSORS) or not found:
        sys.exit(f"ptxas reported {len(found)} kernels:\n{report}")
    spilled = [
        f"{name} for sm_{sm}: {stack} bytes of stack, {stores} and {loads} bytes spilled"
        for name, sm, stack, stores, loads, _ in found
        if stack or stores or loads
    ]
    if spilled:
        sys.exit("kernels that do not fit into registers:\n" + "\n".join(spilled))
    return len(kernels), max(registers for *_, registers in found)


def main(out):
    """Compiles, checks, and says how large it is."""
    out.parent.mkdir(parents=True, exist_ok=True)
    made = out.with_suffix(".new")
    kernels, registers = check(compile_kernels(made))
    targets = ", ".join(f"sm_{k}" for k in PROCESSORS) + f", PTX of sm_{PROCESSORS[0]}"
    out.with_suffix(".targets").write_text(f"{kernels} kernels for {targets}\n")
    made.replace(out)
    print(f"{out}: {kernels} kernels for {targets}; {out.stat().st_size / 1024:.0f} KiB, at most {registers} registers")


main(Path(sys.argv[1]))
