"""Expensive choices are skipped where no neuron needs them, and give the same bits as if they were not."""

import jax.numpy as jnp
import numpy as np
import pytest
from spikeloop._math import exprel
from spikeloop.kernels import _library
from spikeloop.kernels.program import _regions
from spikeloop.kernels.program._trace import program_of

from tests.helpers.interpreter import run

X = np.linspace(-2.0, 2.0, 41)
Y = np.linspace(0.3, 1.5, 41)


def program(*functions):
    """The program of functions of two numbers; native code has accepted it."""
    made = program_of(lambda *xy: [f(*xy) for f in functions], "float64", (False, False), [False] * len(functions), {})
    _library.native.program(made.text())
    return made


def regions(made):
    """For each region how many values are in it, and how many ends it has."""
    found, ops = [], [value.op for value in made.values]
    for before, op in zip(["", *ops], ops, strict=False):
        if op == "guard" and before != "guard":
            found.append([0, 0])
        elif op == "endguard":
            found[-1][1] += 1
        elif op != "guard" and found and not found[-1][1]:
            found[-1][0] += 1
    return found


def same_bits_as_selects(monkeypatch, *functions):
    made = program(*functions)
    with monkeypatch.context() as patch:
        patch.setattr(_regions, "WORTH_A_JUMP", np.inf)
        plain = program(*functions)
    ours, wanted = (run(p.text(), *((X, Y)[k] for k in p.operands))[0] for p in (made, plain))
    np.testing.assert_array_equal(ours, wanted)
    return made


def test_an_expensive_arm_becomes_a_region(monkeypatch):
    made = same_bits_as_selects(monkeypatch, lambda x, y: jnp.where(x > 1, jnp.log(y) + y**x, x + y))
    ((size, ends),) = regions(made)
    assert (size > 100, ends) == (True, 1)


@pytest.mark.parametrize(
    "function",
    [
        lambda x, y: jnp.where(x > 1, x * y + 2, x + y),  # cheap
        lambda x, y: jnp.where(x > 1, jnp.log(y), 0) + jnp.log(y),  # needed anyway
        lambda x, y: jnp.where(x > 1, x, jnp.log(y)),  # where the condition does not hold: that is the usual case
        lambda x, y: jnp.where(jnp.ones_like(x) < 1.0, jnp.log(y), x),  # decided
    ],
)
def test_other_arms_do_not(function):
    assert regions(program(function)) == []


def test_choices_of_one_condition_share_a_region(monkeypatch):
    first, second = (
        lambda x, y: jnp.where(x > 1, jnp.log(y) * x, x),
        lambda x, y: jnp.where(x > 1, jnp.log(y) + y, y),
    )
    ((_, ends),) = regions(same_bits_as_selects(monkeypatch, first, second))
    assert ends == 2


def test_a_choice_that_needs_another_one_has_a_region_of_its_own(monkeypatch):
    def function(x, y):
        z = jnp.where(x > 1, jnp.log(y), x)
        return jnp.where(x > 1, jnp.tanh(z + y), z)

    assert [ends for _, ends in regions(same_bits_as_selects(monkeypatch, function))] == [1, 1]


def test_regions_do_not_nest(monkeypatch):
    inner = lambda x, y: jnp.where(y > 1, jnp.log(y), x)  # noqa: E731
    made = same_bits_as_selects(monkeypatch, lambda x, y: jnp.where(x > 1, jnp.tanh(inner(x, y)), y))
    assert [ends for _, ends in regions(made)] == [1]
    made = same_bits_as_selects(monkeypatch, lambda x, y: jnp.where(x > 1, jnp.tanh(exprel(x * y)), y))
    assert [ends for _, ends in regions(made)] == [1, 1]  # that of exprel comes before


def test_a_very_expensive_choice_is_one_region(monkeypatch):
    def many(x, y):
        for k in range(16):
            y = jnp.tanh(exprel(x * y) + k)
        return y

    ((size, ends),) = regions(same_bits_as_selects(monkeypatch, lambda x, y: jnp.where(x > 1, many(x, y), y)))
    assert (size > 1000, ends) == (True, 1)


def chosen_at_random(rng):
    """A function of many choices, of which some need others."""
    draws = [(rng.integers(4), rng.integers(2), rng.integers(k + 3, size=3)) for k in range(10)]

    def function(x, y):
        values = [x, y, x * y]
        for kind, of_one_condition, places in draws:
            a, b, c = (values[k] for k in places)
            condition = x > 1 if of_one_condition else c > 0.5
            expensive = jnp.log(abs(a)) if kind else jnp.tanh(a) * y
            values.append(exprel(a) if kind == 3 else jnp.where(condition, expensive if kind < 2 else a, b))
        return sum(values)

    return function


def test_any_choices_make_a_valid_program(monkeypatch):
    rng, found = np.random.default_rng(0), []
    for _ in range(60):
        found.append(len(regions(same_bits_as_selects(monkeypatch, chosen_at_random(rng)))))
    assert len(set(found)) > 3
