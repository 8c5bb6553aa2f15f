"""Whether records will fit into memory, known before the run."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..connect._memory import available, readable

Shapes = dict[str, tuple[tuple[int, ...], tuple[int, ...], Any]]  # {name: (shape, shape of a file, dtype)}


def check_fits(shapes: Shapes, all_of_them: bool) -> None:
    """Refuse records if memory is too short for them; or, of records on disk, for what a chunk of the run makes."""
    free = available()
    if free is None or not shapes:
        return
    sizes = {
        name: (shape[0] if all_of_them else min(file[0], shape[0])) * math.prod(shape[1:]) * np.dtype(dtype).itemsize
        for name, (shape, file, dtype) in shapes.items()
    }
    largest = max(sizes, key=lambda name: sizes[name])
    needed = sum(sizes.values()) + sizes[largest]  # its parts are put together at the end
    if needed > free:
        what = "the records take" if all_of_them else "the records of one chunk of the run take"
        disk = "; path= keeps them on disk" if all_of_them else ", or a shorter chunk="
        raise MemoryError(
            f"record.run: {what} up to {readable(needed)}, most of it {largest!r}; available are {readable(free)}. "
            f"Record some neurons= only, or with a longer every= or bin={disk}."
        )
