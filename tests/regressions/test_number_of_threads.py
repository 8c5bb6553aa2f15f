"""No more threads than make sense, none without work, and a team of its own for every process."""

import os
import subprocess
import sys

import numpy as np
import pytest
import spikeloop as sl

pytestmark = pytest.mark.usefixtures("native")


def run(code):
    """The output of a Python process of its own."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_absurd_numbers_are_refused_and_change_nothing():
    before = sl.get_num_threads()
    cores = len(os.sched_getaffinity(0))
    for n in (3000, max(64, cores) + 1, 10**6):
        with pytest.raises(ValueError, match=rf"set_num_threads: at most \d+ threads are possible; given {n}\..*write"):
            sl.set_num_threads(n)
    with pytest.raises(ValueError, match="give a number of threads of at least 1"):
        sl.set_num_threads(10**30)
    assert sl.get_num_threads() == before
    sl.set_num_threads(64)
    sl.set_num_threads(before)


COUNT = """
import os, numpy as np, jax.numpy as jnp, spikeloop as sl
def threads():
    names = (open(f"/proc/self/task/{t}/comm").read() for t in os.listdir("/proc/self/task"))
    return sum(name.startswith("spikeloop-") for name in names)
sl.set_num_threads(8)
small = sl.connect.FixedOutDegree(10, 1.0, seed=1)(100, 100)
small(jnp.ones(100)).block_until_ready()
print(threads())
sl.set_num_threads(3)
sl.connect.FixedOutDegree(200, 1.0, seed=1)(1000, 1000)(jnp.ones(1000)).block_until_ready()
print(threads())
"""


def test_threads_are_started_when_there_is_work_for_them():
    assert run(COUNT) == ["0", "2"]


FORK = """
import os, time, numpy as np
from spikeloop import set_num_threads
from spikeloop.connect._spec import Spec, build
set_num_threads(2)
made = lambda: build(Spec("fixed_out_degree", 7, 2000, 2000, num=200)).indices
wanted = made()
for _ in range(3):
    child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(made(), wanted) and np.array_equal(made(), wanted) else 1)
    for _ in range(3000):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended: break
        time.sleep(0.01)
    else:
        os.kill(child, 9)
        raise SystemExit("the child hangs")
    print(status)
"""


def test_a_forked_child_has_threads_of_its_own():
    assert run("import warnings; warnings.simplefilter('ignore')" + FORK) == ["0"] * 3


def test_results_do_not_depend_on_more_threads_than_cores():
    before, results = sl.get_num_threads(), []
    try:
        for n in (1, 17, 64):
            sl.set_num_threads(n)
            results.append(np.asarray(sl.connect.FixedProb(0.1, 1.0, seed=5)(2000, 2000).indices))
    finally:
        sl.set_num_threads(before)
    assert all(np.array_equal(result, results[0]) for result in results)
