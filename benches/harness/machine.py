"""Which cores a run may use, and how it names the machine and the commit."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def cores(count: int) -> str:
    """The last `count` of the cores allowed to this process: the first ones serve interrupts."""
    if sys.platform != "linux":
        return ",".join(str(c) for c in range(count))
    allowed = sorted(os.sched_getaffinity(0))
    if count > len(allowed):
        raise SystemExit(f"--threads {count}: this process may use {len(allowed)} cores")
    return ",".join(str(c) for c in allowed[-count:])


def cpu_model() -> str:
    """The name of the processor, with its widest vectors: one name may stand for processors that differ in them."""
    name = _of_cpu("model name") or platform.processor() or platform.machine()
    return f"{name} AVX-512" if "avx512f" in _of_cpu("flags").split() else name


def _of_cpu(field: str) -> str:
    """What Linux tells of a processor."""
    info = Path("/proc/cpuinfo")
    found = re.search(rf"^{field}\s*:\s*(.+)$", info.read_text(), re.MULTILINE) if info.exists() else None
    return found.group(1) if found else ""


def name() -> str:
    """Processor and core count; never the host's name."""
    text = f"{cpu_model()} {os.cpu_count()} cores"
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def commit() -> str:
    """The commit, marked where tracked files differ from it."""
    git = ["git", "-C", str(ROOT)]
    try:
        head = subprocess.check_output([*git, "rev-parse", "--short=10", "HEAD"], text=True)
        changed = subprocess.run([*git, "diff", "--quiet", "HEAD"], check=False).returncode
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head.strip() + ("+changes" if changed else "")
