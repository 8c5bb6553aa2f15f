"""The tree that a Module prints of itself."""

import html
import re

import brainunit as u
import jax.numpy as jnp
import pytest
import spikeloop as sl
from spikeloop.nn import Module


class Unit(Module):
    def __init__(self, size=None, constant=3.0):
        super().__init__()
        if size is not None:
            self.in_size = self.out_size = size
        self.constant = constant
        self.weight = sl.ParamState(1.0)

    def init_state(self, batch_size=None):
        self.v = sl.HiddenState(jnp.zeros(3))


def holder(**parts):
    net = Module()
    for name, part in parts.items():
        setattr(net, name, part)
    return net


def test_a_line_shows_class_sizes_and_states():
    net = holder(unit=Unit((2, 3)), layer=sl.nn.Linear(3, 4))
    assert repr(net).splitlines() == [
        "Module",
        "├─ unit: Unit(2 × 3), State weight",
        "└─ layer: Linear(3 → 4), State weight",
    ]
    sl.nn.init_all_states(net)
    assert "unit: Unit(2 × 3), States weight, v" in repr(net)


def test_a_shared_part_is_described_once():
    unit = Unit()
    assert repr(holder(a=holder(x=unit), b=[unit])).splitlines()[-1] == "└─ b[0] → a.x"


def test_parts_in_lists_and_dicts_have_their_place():
    assert "├─ a[0]: Unit" in repr(holder(a=[Unit()], b={"x": (Unit(),)}))
    assert "└─ b['x'][0]: Unit" in repr(holder(a=[Unit()], b={"x": (Unit(),)}))


def test_a_module_without_parts_shows_its_constants():
    assert repr(Unit(2)) == "Unit(2), State weight\n└─ constant = 3.0"
    assert "├─ tau = 20. ms" in repr(sl.LIF(3, tau=20.0 * u.ms))
    assert len(repr(Unit(constant="x" * 500))) < 100
    assert repr(Module()) == "Module"


def test_a_network_shows_its_synapses():
    text = repr(sl.networks.COBANetwork(100))
    assert "├─ comm: Connection(80 → 100, 6,400 synapses), State weight" in text
    assert "├─ syn → N.receptors[0].syn" in text
    assert "└─ post → N" in text


def test_deep_trees_lose_levels_and_wide_ones_lose_parts():
    deep = holder(**{f"p{k}": holder(a=Unit(), b=Unit(), c=Unit()) for k in range(10)})
    lines = repr(deep).splitlines()
    assert len(lines) == 11
    assert lines[1] == "├─ p0: Module …"
    wide = repr(holder(units=[Unit() for _ in range(100)])).splitlines()
    assert len(wide) == 30
    assert wide[-1] == "└─ … and 72 more"


@pytest.mark.parametrize("parts", [28, 29, 30])
def test_the_tree_has_at_most_30_lines(parts):
    text = repr(holder(units=[Unit() for _ in range(parts)]))
    assert len(text.splitlines()) == min(parts + 1, 30)
    assert text.count("units[") + int((re.search(r"and (\d+) more", text) or [0, 0])[1]) == parts


def test_a_notebook_shows_the_whole_tree():
    shown = holder(**{"a<b": Unit()}, list=[Unit() for _ in range(50)])._repr_html_()
    assert shown.count("<details") == 1
    assert html.escape("a<b: Unit") in shown
    assert "list[49]" in shown


def test_a_tree_inside_jit_and_before_init_all_states():
    seen = []
    unit = Unit()
    sl.transform.jit(lambda: seen.append(repr(unit)))()
    assert seen == [repr(unit)]
