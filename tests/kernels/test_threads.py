"""Native kernels under threads: of Python, of XLA, and their own."""

from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop.kernels._event import Rows, scatter

N, K, PROGRAMS = 4_000, 80, 32  # 0.3 N K events are enough for several threads
NO_INDPTR = jnp.zeros(0, jnp.int32)


@pytest.fixture
def two_threads(native):
    before = sl.get_num_threads()
    sl.set_num_threads(2)
    yield
    sl.set_num_threads(before)


def synapses():
    rng = np.random.default_rng(0)
    indices = jnp.asarray(np.sort(rng.integers(0, N, (N, K)), axis=1).ravel(), jnp.uint16)
    return indices, jnp.asarray(rng.normal(size=N * K), jnp.float32), jnp.asarray(rng.random(N) < 0.3)


def test_32_programs_at_a_time_neither_wait_for_each_other_nor_mix_up(two_threads):
    indices, weight, spikes = synapses()

    @jax.jit
    def run(spikes, scale):
        step = lambda t, _: (scatter(spikes, weight * scale, indices, NO_INDPTR, t, Rows(0, N, True)), None)  # noqa: E731
        return jax.lax.scan(step, jnp.zeros(N), length=20)[0]

    alone = [np.asarray(run(spikes, jnp.float32(k))) for k in range(4)]
    with ThreadPoolExecutor(PROGRAMS) as pool:
        futures = [pool.submit(lambda k: np.asarray(run(spikes, jnp.float32(k % 4))), k) for k in range(PROGRAMS)]
        results = [future.result(timeout=120) for future in futures]
    for k, result in enumerate(results):
        assert np.array_equal(result, alone[k % 4])


def test_many_independent_calls_of_one_program_do_not_deadlock(two_threads):
    # XLA may run independent calls on its own threads; none of these may wait for another
    indices, weight, spikes = synapses()

    @jax.jit
    def run(spikes, targets):
        return [scatter(spikes, weight, indices, NO_INDPTR, t, Rows(0, N, True)) for t in targets]

    targets = [jnp.full(N, float(k)) for k in range(PROGRAMS)]
    results = run(spikes, targets)
    for k, result in enumerate(results):
        np.testing.assert_allclose(result - k, results[0], rtol=0, atol=1e-3)  # sums of tens of numbers up to 40


def test_the_number_of_threads_may_change_while_programs_run(two_threads):
    indices, weight, spikes = synapses()
    run = jax.jit(lambda s: scatter(s, weight, indices, NO_INDPTR, jnp.zeros(N), Rows(0, N, True)))
    wanted = np.asarray(run(spikes))
    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(lambda: np.asarray(run(spikes))) for _ in range(64)]
        for k in range(20):
            sl.set_num_threads(1 + k % 3)
        results = [future.result(timeout=120) for future in futures]
    assert all(np.array_equal(result, wanted) for result in results)
