"""Processes that run one script together."""

from __future__ import annotations

import logging
import os
import sys
import threading
import weakref
import zlib
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import jax
import numpy as np

from .. import random

COORDINATOR, PROCESSES, PROCESS = "SPIKELOOP_COORDINATOR", "SPIKELOOP_PROCESSES", "SPIKELOOP_PROCESS"
# What launchers say of the number of processes; JAX knows how to read the rest from them.
_LAUNCHERS = ("SLURM_NTASKS", "OMPI_COMM_WORLD_SIZE")


def initialize(
    coordinator_address: str | None = None,
    num_processes: int | None = None,
    process_id: int | None = None,
    *,
    timeout: int = 300,
    **options: Any,
) -> None:
    """Join the processes that run this script, before the first use of JAX; nothing to do where there is one process.

    Without arguments the launcher is asked: `spikeloop launch`, Slurm and Open MPI tell how many processes there are.
    Processes on CPUs talk through Gloo; their threads get the policy `SCHED_BATCH`. `sl.random` gets the seed of
    process 0, so that all draw the same numbers.

    | name | meaning | default |
    |---|---|---|
    | `coordinator_address` | address of process 0 with a free port, `'host0:1234'` | from the launcher |
    | `num_processes`, `process_id` | how many processes there are, and which one this is | from the launcher |
    | `timeout` | for how many seconds to wait for the others | 300 |
    | `**options` | those of `jax.distributed.initialize`, such as `heartbeat_timeout_seconds` | |

    If not all of them have come in time, a message says so, and JAX ends the process. A process whose script ends by an
    error or by Ctrl-C leaves at once, which ends the others with an error of their next exchange.
    """
    given = _given(coordinator_address, num_processes, process_id)
    if given is None or jax.distributed.is_initialized():
        return
    _let_threads_finish_their_turn()
    missing = _missing(given.get("num_processes"), timeout)
    # JAX ends a process that has waited in vain without an exception.
    last_words = threading.Timer(max(timeout - 0.5, 0.5), lambda: print(missing, file=sys.stderr, flush=True))
    last_words.daemon = True
    last_words.start()
    try:
        jax.distributed.initialize(**given, initialization_timeout=timeout, **options)
    except jax.errors.JaxRuntimeError as error:
        raise (TimeoutError(missing) if "DEADLINE_EXCEEDED" in str(error) else error) from None
    finally:
        last_words.cancel()
    sys.excepthook = _Leave(sys.excepthook)
    random.DEFAULT.seed(agreed(np.asarray(random.DEFAULT.value)))


def _let_threads_finish_their_turn() -> None:
    """Ask the system that a thread which wakes up waits for its turn; threads that JAX starts later do so too.

    Gloo sends a message while it holds a lock. Its other thread wakes up when the answer comes, and tries the lock
    again and again; if it has taken the core of the one that sends, it does so for the rest of its turn: milliseconds.
    """
    if os.sched_getscheduler(0) == os.SCHED_OTHER:
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


class _Leave:
    """What is called for an error that ends the script: the process leaves, as JAX would first wait for the others."""

    def __init__(self, show: Any):
        self._show = show

    def __call__(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        self._show(kind, error, trace)
        print(f"sl.parallel: process {jax.process_index()} has ended by {kind.__name__}, and ends the others.",
              file=sys.stderr)  # fmt: skip
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(130 if issubclass(kind, KeyboardInterrupt) else 1)


def _missing(number: int | None, timeout: int) -> str:
    return (
        f"sl.parallel.initialize: {'not all' if number is None else f'fewer than {number}'} processes have come in "
        f"{timeout} s. Start the script on every host, or pass num_processes= as many as there are."
    )


def _given(address: str | None, number: int | None, process: int | None) -> dict[str, Any] | None:
    """The arguments of JAX; None for one process."""
    env = os.environ
    address = env.get(COORDINATOR) if address is None else address
    if number is None and PROCESSES in env:
        number = int(env[PROCESSES])
    if process is None and PROCESS in env:
        process = int(env[PROCESS])
    if number == 1:
        return None
    if number is None and address is None and all(int(env.get(name) or 1) == 1 for name in _LAUNCHERS):
        return None
    found = {"coordinator_address": address, "num_processes": number, "process_id": process}
    return {name: value for name, value in found.items() if value is not None}


_known: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()  # arrays that all processes agree on


def check_agreement(arrays: Sequence[tuple[str, Any]]) -> None:
    """Refuse arrays that processes have made by themselves, but not alike; (what messages call it, array)."""
    own = [(name, x) for name, x in arrays if getattr(x, "is_fully_addressable", True) and _known.get(id(x)) is not x]
    if not own or jax.process_count() == 1:
        return
    sums = np.array([zlib.crc32(np.asarray(x).tobytes()) for _, x in own], np.uint32)
    for (name, _), differ in zip(own, (of_all(sums) != sums).any(0), strict=True):
        if differ:
            raise ValueError(
                f"{name} has other values in this process than in others. Every process runs the same script with the "
                "same numbers: call sl.parallel.initialize() first, seed generators of NumPy, and read the same files."
            )
    _known.update({id(x): x for _, x in own if isinstance(x, jax.Array)})


def agreed(value: np.ndarray) -> np.ndarray:
    """The value that process 0 has, on all processes."""
    from jax.experimental.multihost_utils import broadcast_one_to_all

    return np.asarray(broadcast_one_to_all(value)).astype(value.dtype)


def of_all(value: np.ndarray) -> np.ndarray:
    """The values of all processes, stacked."""
    from jax.experimental.multihost_utils import process_allgather

    if jax.process_count() == 1:
        return value[None]
    return np.asarray(process_allgather(value)).reshape(jax.process_count(), *value.shape)
