"""The threads of native kernels."""

from __future__ import annotations

import operator

from . import _library


def set_num_threads(n: int) -> None:
    """The number of threads that native kernels use; results do not depend on it.

    At first it is the number of cores that the process may use. More threads than cores are slower; more than 64, or
    than there are cores if these are more, are refused. A thread is started when there is work for it.
    """
    if isinstance(n, bool) or not hasattr(n, "__index__") or not 1 <= operator.index(n) < 1 << 31:
        raise ValueError(f"set_num_threads: give a number of threads of at least 1 and less than 2**31; given {n!r}.")
    if _library.native is not None:
        _library.native.set_num_threads(int(n))


def get_num_threads() -> int:
    """The number of threads that native kernels use; 1 without the native library."""
    return 1 if _library.native is None else _library.native.get_num_threads()
