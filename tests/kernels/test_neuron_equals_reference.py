"""The native neuron pass and its derivatives compute what the JAX reference computes, in every option."""

import itertools

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from hypothesis import given, settings
from hypothesis import strategies as st
from spikeloop.kernels._neuron import jvp_p, reference, vjp_p

from tests.helpers.neuron_pass import first_state, slopes, step

RECEPTORS = ["", "A", "U", "AU", "UAA"]  # A: COBA, U: CUBA
KINDS = [getattr(sl.surrogate, name) for name in dir(sl.surrogate) if name[0].isupper()]
SURROGATES = [kind() for kind in KINDS if kind is not sl.surrogate.Surrogate]
DTYPES = [jnp.float32, jnp.float64]


@pytest.fixture(autouse=True)
def wide(native):
    sl.environ.set(precision=64)


def compare_all(tools, config, args, dtype, compiled=True):
    """One step, its tangents and its cotangents, native against reference.

    `compiled=False` runs the reference operation by operation, which is quicker for a shape that was there before.
    """
    active, tangents, cts = slopes(config, args, np.random.default_rng(1), dtype)

    def ours(args, tangents, cts):
        return (
            tools.step_p.bind(*args, config=config),
            tools.jvp_p.bind(*args, *tangents, config=config, active=active),
            tools.vjp_p.bind(*args, *cts, config=config, active=active),
        )

    def wanted(args, tangents, cts):
        return (
            reference(*args, config=config),
            jvp_p.reference(*args, *tangents, config=config, active=active),
            vjp_p.reference(*args, *cts, config=config, active=active),
        )

    maybe_jit = jax.jit if compiled else lambda f: f
    (out, pushed, grads), (out_ref, slopes_ref, grads_ref) = (maybe_jit(f)(args, tangents, cts) for f in (ours, wanted))
    # V' = V + φ(…)·(…) with addends up to 120·0.3 + 3·0.15·8·80 ≈ 330 times ≤ 0.02: less than 64. The two orders of
    # the sum, and FMA in one of them, differ by one rounding for each of some ten operations.
    tools.assert_close(out, out_ref, 4, dtype)
    assert np.array_equal(out[-1], out_ref[-1])
    # The cotangent of a number for all neurons is a sum over them; the errors of its terms have both signs.
    terms = max(1, args[first_state(config)].size) ** 0.5
    for a, b, factor in ((pushed, slopes_ref, 1), (grads, grads_ref, terms)):
        scale = 1 + max(float(jnp.abs(x).max(initial=0)) for x in b) / 64
        tools.assert_close(a, b, 16, dtype, scale * factor)


def receptors_of(tools, letters):
    return [tools.COBA if c == "A" else tools.CUBA for c in letters]


@pytest.mark.parametrize("letters", RECEPTORS)
@pytest.mark.parametrize(("refractory", "delta", "hard"), list(itertools.product([False, True], repeat=3)))
def test_every_structure(pass_tools, refractory, delta, hard, letters):
    # each structure in one precision, each two of its options in both
    dtype = DTYPES[(refractory + delta + hard + RECEPTORS.index(letters)) % 2]
    config = pass_tools.make_pass(refractory, delta, hard, receptors_of(pass_tools, letters))
    args = pass_tools.Operands(config, (37,), ("scalar", "neuron"), dtype).draw()
    compare_all(pass_tools, config, args, dtype, compiled=False)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kinds", [("scalar",), ("scalar", "neuron"), ("full",)], ids=["scalar", "mixed", "full"])
def test_every_receptor(pass_tools, kinds, dtype):
    # 75: two pairs of the widest lanes and a rest
    config = pass_tools.make_pass(True, False, False, pass_tools.KINDS)
    args = pass_tools.Operands(config, (75,), kinds, dtype).draw()
    compare_all(pass_tools, config, args, dtype)


@pytest.mark.parametrize("surrogate", SURROGATES, ids=lambda s: type(s).__name__)
def test_every_surrogate(pass_tools, surrogate):
    config = pass_tools.make_pass(True, True, SURROGATES.index(surrogate) % 2 == 1, [pass_tools.COBA], surrogate)
    args = pass_tools.Operands(config, (37,), ("scalar", "neuron")).draw()
    compare_all(pass_tools, config, args, jnp.float64, compiled=False)


KINDS_BY_SHAPE = [
    *itertools.product([(4, 17), (0, 5), (17, 17)], ["scalar", "one", "neuron", "full"]),
    # where two kinds have the same shape, one of them
    *itertools.product([(0,), (17,)], ["scalar", "one", "neuron"]),
    *itertools.product([(1,)], ["scalar", "neuron"]),
    *itertools.product([(3, 1)], ["scalar", "neuron", "full"]),
]


@pytest.mark.parametrize(("shape", "kind"), KINDS_BY_SHAPE)
def test_every_shape_and_every_kind_of_operand(pass_tools, shape, kind):
    config = pass_tools.make_pass(True, True, False, [pass_tools.COBA, pass_tools.CUBA])
    args = pass_tools.Operands(config, shape, kind).draw()
    compare_all(pass_tools, config, args, jnp.float64)


@settings(max_examples=12, deadline=None, derandomize=True)
@given(data=st.data())
def test_any_configuration(pass_tools, data):
    config = pass_tools.make_pass(
        *(data.draw(st.booleans()) for _ in range(3)),
        data.draw(st.lists(st.sampled_from(pass_tools.KINDS), max_size=4)),
        data.draw(st.sampled_from(SURROGATES)),
    )
    shape = data.draw(st.one_of(st.tuples(st.integers(0, 70)), st.tuples(st.integers(1, 5), st.integers(1, 40))))
    kinds = data.draw(st.lists(st.sampled_from(["scalar", "one", "neuron", "full"]), min_size=1, max_size=7))
    dtype = data.draw(st.sampled_from(DTYPES))
    args = pass_tools.Operands(config, shape, kinds, dtype, seed=data.draw(st.integers(0, 99))).draw()
    compare_all(pass_tools, config, args, dtype)


@pytest.mark.parametrize("shape", [(2, 3, 5), (3, 5)])
@pytest.mark.parametrize("params", [(), (5,), (3, 1), (1, 1, 1)])
def test_step_takes_populations_of_several_axes_and_params_that_repeat_to_them(pass_tools, shape, params):
    params = params[-len(shape) :]  # a parameter has at most the axes of the population
    config = pass_tools.make_pass(True, False, True, [pass_tools.COBA])
    args = pass_tools.Operands(config, shape, "scalar").draw()
    rng = np.random.default_rng(3)
    first = first_state(config)
    args = [jnp.asarray(x * rng.uniform(0.9, 1.1, params)) if i < first else x for i, x in enumerate(args)]
    args[5] = jnp.round(args[5])  # steps of the refractory period
    pass_tools.assert_close(step(config, args), reference(*args, config=config), 4, jnp.float64)
    assert pass_tools.native_runs(lambda *a: step(config, a), *args) == ["program"]

    def loss(run):
        return lambda R, V: sum(x.sum() for x in run([*args[:3], R, *args[4:first], V, *args[first + 1 :]])[:1])

    ours = jax.jit(jax.grad(loss(lambda a: step(config, a)), (0, 1)))(args[3], args[first])
    wanted = jax.jit(jax.grad(loss(lambda a: reference(*a, config=config)), (0, 1)))(args[3], args[first])
    for a, b in zip(ours, wanted, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


def test_equal_numbers_of_rows_and_neurons_are_told_apart(pass_tools):
    # a current of shape (n, 1) is one value per row; with as many rows as neurons it has n elements too
    config = pass_tools.make_pass()
    args = pass_tools.Operands(config, (4, 4), "scalar").draw()
    args[-1] = jnp.linspace(0, 0.3, 4)[:, None]
    pass_tools.assert_close(step(config, args), reference(*args, config=config), 4, jnp.float64)
    args[-1] = jnp.linspace(0, 0.3, 4)
    pass_tools.assert_close(step(config, args), reference(*args, config=config), 4, jnp.float64)


def driven(tools, dtype, n, steps):
    """A COBA-like population driven by random arrivals, run by `pass_` in one compiled loop."""
    config = tools.make_pass(True, False, True, [tools.COBA, tools.COBA], sl.surrogate.ReluGrad())
    rng = np.random.default_rng(5)
    consts = [-60.0, -50.0, -60.0, 1.0, 0.1 / 20, 50.0, np.exp(-0.1 / 5), 0.1, 0.0, np.exp(-0.1 / 10), 0.1, -80.0]
    consts = [jnp.asarray(x, dtype) for x in [*consts, *config.surrogate.parameters()]]
    V = jnp.asarray(rng.uniform(-60, -50, n), dtype)
    zero = jnp.zeros(n, dtype)
    # multiples of 1/4: sums of them are exact in both dtypes, so that all rounding happens in the pass
    arrivals = jnp.asarray(rng.poisson((0.12, 0.02), (steps, n, 2)) * (4.0, 16.0), dtype)

    def run(pass_):
        def one(carry, arriving):
            V, left, ge, gi, spike = carry
            ge, gi = ge + arriving[:, 0], gi + arriving[:, 1]
            carry = pass_([*consts, V, left, ge, gi, spike, jnp.asarray(12.0, dtype)])
            return carry, (carry[0], carry[-1])

        return jax.jit(lambda: jax.lax.scan(one, [V, zero, zero, zero, zero], arrivals)[1])()

    return run(lambda a: step(config, a)), run(lambda a: reference(*a, config=config))


@pytest.mark.parametrize("dtype", DTYPES)
def test_ten_thousand_steps_of_a_driven_population(pass_tools, dtype):
    (V, spikes), (V_ref, spikes_ref) = driven(pass_tools, dtype, 17, 10_000)
    rate = float(spikes_ref.mean()) / 1e-4
    assert 20 < rate < 160  # the comparison below is about spiking neurons
    assert np.array_equal(spikes, spikes_ref)
    # The membrane forgets an error over τ/dt·(g_L/g) ≈ 50 steps, so 10⁴ steps are no worse than some tens; as the
    # errors of single steps have both signs, what is left is a few ulp of the numbers that are added.
    np.testing.assert_allclose(V, V_ref, rtol=0, atol=4 * 2.0**-18 if dtype == jnp.float32 else 1e-12)


def test_two_threads_give_the_same_bits_as_one(pass_tools):
    config = pass_tools.make_pass(True, False, True, [pass_tools.COBA, pass_tools.COBA])
    args = pass_tools.Operands(config, (300_000,), "neuron", jnp.float32).draw()
    results = []
    before = sl.get_num_threads()
    try:
        for n in (1, 2, 3):
            sl.set_num_threads(n)
            results.append(pass_tools.step_p.bind(*args, config=config))
    finally:
        sl.set_num_threads(before)
    for other in results[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(results[0], other, strict=True))


@pytest.mark.parametrize("precision", [16, "bf16"])
def test_half_precision_runs_by_the_reference_without_a_word(pass_tools, precision):
    sl.environ.set(precision=precision, dt=0.1 * u.ms)
    neuron = sl.nn.init_all_states(sl.LIFRef(5))
    assert neuron.V.value.dtype == {16: jnp.float16, "bf16": jnp.bfloat16}[precision]
    lowered = sl.transform.jit(lambda: neuron(2.0 * u.mA)).lower()
    assert "@spikeloop." not in lowered.as_text()
    out = sl.transform.for_loop(lambda: neuron(2.0 * u.mA), length=100)
    assert out.dtype == neuron.V.value.dtype
    assert float(out.astype(jnp.float32).sum()) > 0
    assert sl.info()["fallbacks"] == "none"
