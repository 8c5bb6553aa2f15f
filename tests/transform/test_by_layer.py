"""Fused loops: the same results, States and gradients as step by step, with one native call for all steps."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from jax.extend.core import jaxpr_as_fun

T, BATCH, N = 40, 3, 6
DT = 0.1 * u.ms

LOOPS = {
    "steps": lambda m, x: sl.transform.for_loop(m, x),
    "fused": lambda m, x: sl.transform.for_loop(m, x, fused=True),
}


class Escape(sl.LIF):
    """A neuron whose threshold is drawn in each step."""

    draws = True

    @staticmethod
    def threshold(p, s):
        return (s.V - p.V_th * (0.8 + 0.4 * p.uniform())) / (p.V_th - p.V_reset)


class Recurrent(sl.nn.Module):
    """Neurons that hear each other."""

    def __init__(self):
        super().__init__()
        self.neuron, self.weight = sl.LIF(N, tau=2 * u.ms), sl.nn.Linear(N, N, w_init=sl.init.Constant(0.7 * u.mA))

    def update(self, x):
        return self.neuron(x + self.weight(self.neuron.get_spike()))


def deep():
    weights = lambda scale: sl.init.Normal(0.0, scale, unit=u.mA)  # noqa: E731
    return sl.nn.Sequential(
        sl.nn.Linear(N, 20, w_init=weights(3.0)), sl.LIF(20, tau=3 * u.ms), sl.nn.Linear(20, 9, w_init=weights(5.0)),
        sl.LIFRef(9, tau=2 * u.ms, tau_ref=0.3 * u.ms), sl.LeakyRateReadout(9, 2, w_init=sl.init.Constant(0.5)),
    )  # fmt: skip


def trained():
    """Constants of one number and of one for each neuron, which train."""
    return sl.LIF(
        N, tau=sl.ParamState(5.0 * u.ms), V_th=sl.ParamState(np.linspace(0.8, 1.2, N) * u.mV), V_reset=-0.1 * u.mV
    )


def receiving():
    """Neurons with a conductance that nothing arrives at, and a buffer of jumps."""
    neuron = sl.LIFRef(N, tau_ref=0.3 * u.ms)
    sl.AlignPostProj(comm=lambda x: x, post=neuron, out=sl.COBA.desc(E=2.0 * u.mV), syn=sl.Expon.desc(N))
    neuron.take_delta()
    return neuron


MODELS = {
    "LIF": lambda: sl.LIF(N), "hard": lambda: sl.LIFRef(N, tau_ref=0.5 * u.ms, spk_reset="hard"),
    "AdEx": lambda: sl.AdExIF(N, V_initializer=-60 * u.mV), "HH": lambda: sl.HH(N), "grid": lambda: sl.LIF((2, 3)),
    "trained": trained, "receiving": receiving, "random": lambda: Escape(N), "deep": deep,
    "readout": lambda: sl.LeakySpikeReadout(N, 2, w_init=sl.init.Constant(0.4 * u.mV)), "IF": lambda: sl.IF(N),
}  # fmt: skip


def made(name, **options):
    sl.random.seed(5)
    return sl.nn.init_all_states((MODELS.get(name) or {"recurrent": Recurrent}[name])(), **options)


def drive(model, dtype, shape=(T, BATCH, N)):
    unit = getattr(model, "current_unit", None)
    size = 900.0 if isinstance(model, (sl.AdExIF, sl.HH)) else 20.0
    x = np.random.default_rng(0).uniform(0, size, (*shape[:-1], *(model.in_size or (N,))))
    if isinstance(model, (sl.nn.Sequential, sl.LeakySpikeReadout)):
        return jnp.asarray(x > 10, dtype)
    return u.Quantity(jnp.asarray(x, dtype), unit=unit or u.mA)


def numbers(tree):
    return [np.asarray(u.get_mantissa(x)) for x in jax.tree.leaves(tree, is_leaf=lambda x: isinstance(x, u.Quantity))]


def run(name, loop, dtype, **options):
    model = made(name, **options)
    y = LOOPS[loop](model, drive(model, dtype))
    return numbers([y, {k: state.value for k, state in model.states().items() if k != "DEFAULT"}])


@pytest.mark.parametrize("precision", [32, 64])
@pytest.mark.parametrize("name", MODELS)
def test_results_and_states_are_those_of_the_loop(name, precision):
    with jax.enable_x64(precision == 64), sl.environ.context(dt=DT, precision=precision):
        wanted, ours = (run(name, loop, f"float{precision}", batch_size=BATCH) for loop in LOOPS)
        assert any(np.any(x) for x in wanted)
        for a, b in zip(wanted, ours, strict=True):
            if name in ("deep", "readout"):  # a product of all steps has another order of sums
                np.testing.assert_allclose(a, b, rtol=1e-5 if precision == 32 else 1e-12, atol=1e-6)
            else:
                np.testing.assert_array_equal(a, b)


def recompute(model, x):
    return model.run_steps(x, memory="recompute")


def gradients(name, loop, steps=T):
    model = made(name, batch_size=BATCH)
    x = drive(model, "float64")[:steps]
    weight = jnp.asarray(np.random.default_rng(1).normal(size=steps))

    def loss(x):
        y = u.get_mantissa(loop(model, x))
        last = [u.get_mantissa(s.value) for s in model.states(sl.HiddenState).values()]
        return jnp.tensordot(weight, y, 1).sum() + sum(jnp.sum(v * v) for v in last)

    states = model.states(sl.ParamState)
    found = sl.transform.grad(loss, states or None, argnums=0, unit_aware=False)(x)
    return numbers(found)


@pytest.mark.parametrize("name", ["LIF", "hard", "AdEx", "trained", "receiving", "deep", "grid"])
def test_gradients_are_those_of_the_loop(name):
    with jax.enable_x64(True), sl.environ.context(dt=DT, precision=64):
        wanted, ours = (gradients(name, loop) for loop in LOOPS.values())
        assert len(wanted) == len(ours)
        for a, b in zip(wanted, ours, strict=True):
            assert np.any(a)
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10 * np.abs(a).max())


@pytest.mark.parametrize("steps", [1, 2, 36, 37])
def test_states_that_are_recomputed_give_the_same_gradients(steps):
    with jax.enable_x64(True), sl.environ.context(dt=DT, precision=64):
        wanted, ours = (gradients("trained", loop, steps) for loop in (LOOPS["steps"], recompute))
        for a, b in zip(wanted, ours, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10 * np.abs(a).max())


def test_recomputed_states_take_less_memory():
    with sl.environ.context(dt=DT):
        neuron = made("LIF", batch_size=BATCH)
        x, sizes = drive(neuron, "float32", (400, BATCH, N)), []
        for memory in ("save", "recompute"):
            loss = lambda x, memory=memory: neuron.run_steps(x, memory).sum()  # noqa: E731
            closed = sl.transform.make_jaxpr(sl.transform.grad(loss, argnums=0))(x)[0]
            compiled = jax.jit(jaxpr_as_fun(closed)).lower(*closed.in_avals).compile()
            sizes.append(compiled.memory_analysis().temp_size_in_bytes)
    assert sizes[1] < 0.7 * sizes[0]


@pytest.mark.parametrize(
    ("name", "populations"), [("LIF", 1), ("receiving", 1), ("random", 1), ("readout", 1), ("deep", 2)]
)
def test_all_steps_of_a_population_are_one_call(name, populations):
    with sl.environ.context(dt=DT):
        model = made(name, batch_size=BATCH)
        text = str(sl.transform.make_jaxpr(model.run_steps)(drive(model, "float32")))
    assert text.count("= spikeloop_neuron_steps[") == populations
    assert "= spikeloop_neuron[" not in text


def test_what_needs_its_own_spikes_runs_step_by_step_and_says_so():
    with sl.environ.context(dt=DT):
        with pytest.warns(RuntimeWarning, match="LIF runs step by step in a loop with fused=True: .*dense_product"):
            ours = run("recurrent", "fused", "float32", batch_size=BATCH)
        assert "LIF in a fused loop" in sl.info()["fallbacks"]
        for a, b in zip(run("recurrent", "steps", "float32", batch_size=BATCH), ours, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6)
        run("recurrent", "fused", "float32", batch_size=BATCH)  # and is quiet from then on


def test_values_of_the_step_before_come_one_step_later():
    """Without a circle nothing is in the way: states are shifted by a step."""
    last, total, mirror = (sl.State(jnp.zeros(())) for _ in range(3))
    fixed = sl.State(jnp.asarray(2.0))

    def step(x):
        before, mirror.value = mirror.value, last.value
        total.value = total.value + last.value * fixed.value
        seen, last.value = last.value, 3 * x
        return seen, before, total.value

    wanted = []
    for loop in LOOPS.values():
        for state in (last, total, mirror):
            state.value = jnp.zeros(())
        wanted.append(numbers([loop(step, jnp.arange(1.0, 6.0)), last.value, total.value, mirror.value]))
    for a, b in zip(*wanted, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_results_do_not_depend_on_the_number_of_threads(threads, native):
    def found():
        neuron = made("trained", batch_size=64)
        x = drive(neuron, "float32", (T, 64, N))
        x = u.Quantity(jnp.tile(x.mantissa, (1, 8, 1)), unit=u.mA)
        neuron = sl.nn.init_all_states(neuron, batch_size=512)
        loss = lambda: neuron.run_steps(x).sum()  # noqa: E731
        return numbers(sl.transform.grad(loss, neuron.states(sl.ParamState), unit_aware=False)())

    before = sl.get_num_threads()
    with sl.environ.context(dt=DT):
        sl.set_num_threads(1)
        wanted = found()
        sl.set_num_threads(threads)
        try:
            for a, b in zip(wanted, found(), strict=True):
                np.testing.assert_array_equal(a, b)
        finally:
            sl.set_num_threads(before)


@pytest.mark.parametrize("steps", [0, 1])
def test_loops_of_no_step_and_of_one(steps):
    with sl.environ.context(dt=DT):
        found = []
        for loop in LOOPS.values():
            neuron = made("LIF")
            found.append(numbers([loop(neuron, jnp.full((steps, N), 30.0) * u.mA), neuron.V.value]))
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_current_that_all_neurons_share_may_change_from_step_to_step():
    with jax.enable_x64(True), sl.environ.context(dt=DT, precision=64):
        found = []
        for loop in LOOPS.values():
            neuron = made("LIF")

            def loss(x, loop=loop, neuron=neuron):
                return loop(neuron, x * u.mA).sum()

            x = jnp.linspace(0, 40, T)
            found.append([float(loss(x)), sl.transform.grad(loss, argnums=0)(x)])
    np.testing.assert_allclose(*(x[1] for x in found), rtol=1e-10)
    assert found[0][0] == found[1][0] > 0


def test_lanes_of_vmap_are_rows():
    with sl.environ.context(dt=DT):
        neuron = made("LIF")
        x = drive(neuron, "float32")
        run = lambda x: sl.transform.for_loop(lambda x: neuron(x), x, fused=True)  # noqa: E731
        ours = sl.transform.vmap(run, in_axes=1, out_axes=1, in_states=None, out_states=neuron.states())(x)
        batched = made("LIF", batch_size=BATCH)
        np.testing.assert_array_equal(ours, batched.run_steps(x))


@pytest.mark.parametrize("memory", ["save", "recompute"])
def test_second_derivatives_are_those_of_the_loop(memory):
    with jax.enable_x64(True), sl.environ.context(dt=DT, precision=64):
        neuron, x, found = sl.LIF(3, spk_fun=sl.surrogate.Sigmoid(alpha=2.0)), jnp.linspace(1, 30, 12).reshape(4, 3), []
        for run in (LOOPS["steps"], lambda neuron, x: neuron.run_steps(x, memory)):

            def loss(x, run=run):
                sl.nn.init_all_states(neuron)
                return (run(neuron, x * u.mA) ** 2).sum() + (u.get_mantissa(neuron.V.value) ** 3).sum()

            found.append(sl.transform.hessian(loss, argnums=0)(x))
    assert jnp.any(found[0])
    np.testing.assert_allclose(*found, rtol=1e-9, atol=1e-12)


def test_options_of_a_loop_that_goes_step_by_step_are_refused():
    with pytest.raises(ValueError, match="fused=True takes no `reverse`"):
        sl.transform.for_loop(lambda x: x, jnp.ones(3), fused=True, reverse=True)
    with pytest.raises(ValueError, match="memory is 'auto' or, with fused=True, .*'recompute'; given 'none'"):
        sl.transform.for_loop(lambda x: x, jnp.ones(3), fused=True, memory="none")
