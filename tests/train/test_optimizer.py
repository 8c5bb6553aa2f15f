"""Optimizer: the same as optax on plain numbers, for parameters with units too."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import spikeloop as sl


@pytest.mark.parametrize("transformation", [optax.sgd(0.1, momentum=0.9), optax.adamw(0.05)], ids=["sgd", "adamw"])
def test_as_optax_on_plain_numbers(transformation):
    states = {"w": sl.ParamState(jnp.array([1.0, -2.0])), "tau": sl.ParamState(jnp.array([5.0]) * u.ms)}
    optimizer = sl.train.Optimizer(transformation, states)

    def loss():
        return (states["w"].value ** 2).sum() + (states["tau"].value.to_decimal(u.ms) - 3.0).sum() ** 2

    @sl.transform.jit
    def step():
        optimizer.update(sl.transform.grad(loss, optimizer.states_to_train)())

    plain = {"w": jnp.array([1.0, -2.0]), "tau": jnp.array([5.0])}
    memory = transformation.init(plain)
    for _ in range(5):
        step()
        gradients = {"w": 2 * plain["w"], "tau": 2 * (plain["tau"] - 3.0)}
        changes, memory = transformation.update(gradients, memory, plain)
        plain = optax.apply_updates(plain, changes)
    np.testing.assert_allclose(states["w"].value, plain["w"], rtol=1e-6)
    np.testing.assert_allclose(states["tau"].value.to_decimal(u.ms), plain["tau"], rtol=1e-6)


def test_all_parameters_of_a_model_and_nothing_else():
    net = sl.nn.Sequential(sl.nn.Linear(2, 3), sl.LIF(3, tau=sl.ParamState(10.0 * u.ms)))
    optimizer = sl.train.Optimizer(optax.sgd(0.1), net)
    assert {*optimizer.states_to_train} == {"layers.0.weight", "layers.1.tau"}
    assert [*optimizer.states()] == [("memory",)]


def test_errors():
    layer = sl.nn.Linear(2, 3)
    with pytest.raises(TypeError, match="a transformation of optax, such as optax.adam"):
        sl.train.Optimizer(0.1, layer)
    with pytest.raises(ValueError, match="no ParamState to train"):
        sl.train.Optimizer(optax.sgd(0.1), sl.LIF(3))
    with pytest.raises(ValueError, match="gradients of b were given; it trains weight"):
        sl.train.Optimizer(optax.sgd(0.1), layer).update({"b": jnp.zeros(3)})
