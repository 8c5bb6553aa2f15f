"""Recurrent layers in fused loops: the spikes, States and gradients of the loop, by one native call each way."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl

T, BATCH, N = 25, 7, 13

CELLS = {
    "Leaky": lambda: None,
    "LIF": lambda: sl.snn.LIF(N, 8.0, decay_input=False),
    "ALIF": lambda: sl.snn.ALIF(N, rho=0.9),
    "trained": lambda: sl.snn.LIF(
        N, sl.ParamState(jnp.asarray(8.0)), decay_input=False
    ),  # a sum over all neurons and steps
    "each": lambda: sl.snn.LIF(
        N, sl.ParamState(jnp.linspace(5.0, 9.0, N)), jnp.linspace(0.8, 1.2, N), decay_input=False
    ),
}
LOOPS = {
    "steps": lambda layer, x: sl.transform.for_loop(layer, x),
    "fused": lambda layer, x: sl.transform.for_loop(layer, x, fused=True),
    "recompute": lambda layer, x: sl.transform.for_loop(layer, x, fused=True, memory="recompute"),
}


def case(cell, dtype, batch=BATCH, size=N, steps=T):
    rng = np.random.default_rng(3)
    draw = lambda *shape: jnp.asarray(rng.normal(size=shape), dtype)  # noqa: E731
    layer = sl.snn.RecurrentLIF(size, cell=CELLS[cell](), w_init=0.4 * draw(size, size))
    return layer, draw(steps, batch, size), draw(steps, batch, size)


def trained(cell, loop, dtype, **sizes):
    """Output, last States, gradients of all parameters and of the input."""
    layer, x, ct = case(cell, dtype, **sizes)
    states = layer.states(sl.HiddenState)

    def loss(x):
        sl.nn.init_all_states(layer, batch_size=x.shape[1])
        y = LOOPS[loop](layer, x)
        return (ct * y).sum() + sum((s.value**2).sum() for s in states.values()), y

    run = sl.transform.grad(loss, layer.states(sl.ParamState), argnums=0, has_aux=True)
    grads, y = sl.transform.jit(run)(x)
    return [*map(np.asarray, [y, *(s.value for s in states.values())])], [*map(np.asarray, jax.tree.leaves(grads))]


@pytest.mark.parametrize("loop", ["fused", "recompute"])
@pytest.mark.parametrize("cell", CELLS)
def test_a_recurrent_layer_is_that_of_the_loop(cell, loop):
    with jax.enable_x64(True), sl.environ.context(precision=64):
        wanted, ours = (trained(cell, name, "float64") for name in ("steps", loop))
        for a, b in zip(wanted[0], ours[0], strict=True):
            np.testing.assert_array_equal(a, b)
            assert np.any(a)
        for a, b in zip(wanted[1], ours[1], strict=True):
            assert np.any(a)
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10 * np.abs(a).max())


@pytest.mark.parametrize("threads", [2, 3])
def test_bits_do_not_depend_on_the_number_of_threads(threads, native):
    def found(count):
        sl.set_num_threads(count)
        return trained("each", "fused", "float32", batch=150)  # several blocks of samples, the last one not whole

    before = sl.get_num_threads()
    try:
        one, more = found(1), found(threads)
    finally:
        sl.set_num_threads(before)
    for a, b in zip(one[0] + one[1], more[0] + more[1], strict=True):
        np.testing.assert_array_equal(a, b)


def test_it_is_one_native_call_each_way(native):
    layer, x, _ = case("LIF", "float32")

    def loss(x):
        sl.nn.init_all_states(layer, batch_size=BATCH)
        return layer.run_steps(x).sum()

    closed = sl.transform.make_jaxpr(sl.transform.grad(loss, layer.states(sl.ParamState)))(x)[0]
    text = jax.jit(jax.extend.core.jaxpr_as_fun(closed)).lower(*closed.in_avals).as_text()
    assert text.count("@spikeloop.recurrent_steps(") == 2
    assert "while" not in text


class Relaxed(sl.surrogate.Surrogate):
    """Spikes that are numbers between 0 and 1."""

    def __call__(self, x):
        return jax.nn.sigmoid(x)


def test_gradients_of_the_relaxed_model_are_finite_differences():
    with jax.enable_x64(True), sl.environ.context(precision=64):
        _, x, ct = case("Leaky", "float64")
        rng = np.random.default_rng(4)
        layer = sl.snn.RecurrentLIF(N, 0.8, 0.5, "none", Relaxed(), jnp.asarray(0.4 * rng.normal(size=(N, N))))
        weight, along = layer.recurrent.weight, jnp.asarray(rng.normal(size=(N, N)))
        start = weight.value["weight"]

        def loss(scale=0.0):
            weight.value = {"weight": weight.value["weight"] + scale * along}
            sl.nn.init_all_states(layer, batch_size=BATCH)
            return (ct * layer.run_steps(x)).sum()

        found = jnp.vdot(sl.transform.grad(loss, weight)()["weight"], along)
        ends = []
        for scale in (-1e-5, 1e-5):
            weight.value = {"weight": start}
            ends.append(float(loss(scale)))
        np.testing.assert_allclose(found, (ends[1] - ends[0]) / 2e-5, rtol=1e-6)


def test_forward_mode_and_lanes():
    with jax.enable_x64(True), sl.environ.context(precision=64):
        layer, x, ct = case("LIF", "float64")
        found = []
        for loop in ("steps", "fused"):

            def outputs(x, loop=loop):
                sl.nn.init_all_states(layer, batch_size=BATCH)
                return LOOPS[loop](layer, x)

            slope = sl.transform.jvp(outputs, (x,), (ct,))[1]
            sl.nn.init_all_states(layer)
            states = {name: s for name, s in layer.states().items() if not isinstance(s, sl.ParamState)}
            run = lambda x, loop=loop: LOOPS[loop](layer, x)  # noqa: E731
            lanes = sl.transform.vmap(run, in_axes=1, out_axes=1, in_states=None, out_states=states)(x)
            found.append((slope, lanes))
    for a, b in zip(*found, strict=True):
        assert np.any(a)
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("size", [1, 40])
@pytest.mark.parametrize("batch", [1, 13, 70])
def test_sizes(size, batch):
    layer, x, _ = case("Leaky", "float32", batch, size, 5)
    found = []
    for loop in ("steps", "fused"):
        sl.nn.init_all_states(layer, batch_size=batch)
        found.append([np.asarray(LOOPS[loop](layer, x)), np.asarray(layer.cell.V.value)])
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)
