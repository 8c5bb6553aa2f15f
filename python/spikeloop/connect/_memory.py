"""Whether synapses will fit into memory, known before they are built."""

from __future__ import annotations

import math
import os
from pathlib import Path


def check_fits(
    what: str, num: float, n_pre: int, n_post: int, weight: int, delay: int, free: int | None = None
) -> None:
    """Refuse `num` synapses with these bytes of weight and delay each if memory is too short for them.

    The memory is that of the process, or has `free` bytes.
    """
    each = (2 if n_post <= 1 << 16 else 4) + weight + delay
    needed, free = int(num * each) + 8 * (n_pre + 1), available() if free is None else free
    if free is not None and needed > free:
        less = each - weight - delay
        advice = f" One weight and one delay for all take {less} instead of {each} bytes a synapse."
        raise MemoryError(
            f"{what} makes about {num:.3g} synapses, which take {needed} bytes ({readable(needed)}); available are "
            f"{free} bytes ({readable(free)}).{advice if less < each else ''}"
        )


def available() -> int | None:
    """Bytes that the process may still use, where the system says so."""
    known = [x for x in (_of_system(), _of_group()) if x is not None]
    return min(known, default=None)


def readable(size: float) -> str:
    """A number of bytes in the unit that suits it."""
    power = min(int(math.log10(max(size, 1)) // 3), 4)
    return f"{size / 1000**power:.3g} {('bytes', 'kB', 'MB', 'GB', 'TB')[power]}"


def _of_system() -> int | None:
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        for line in meminfo.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    names = "SC_AVPHYS_PAGES", "SC_PAGE_SIZE"
    if all(name in os.sysconf_names for name in names):
        return os.sysconf(names[0]) * os.sysconf(names[1])
    return None


def _of_group() -> int | None:
    """What the limit of a container leaves."""
    limit, used = (Path("/sys/fs/cgroup", name) for name in ("memory.max", "memory.current"))
    if not (limit.exists() and used.exists()) or (text := limit.read_text().strip()) == "max":
        return None
    return max(int(text) - int(used.read_text()), 0)
