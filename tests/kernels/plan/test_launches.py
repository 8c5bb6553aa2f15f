"""Which calls of a step a GPU runs in one launch; no GPU is needed to plan them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from spikeloop.kernels import _library
from spikeloop.kernels._event import Rows, scatter
from spikeloop.kernels._kernel import KERNELS
from spikeloop.kernels._random import add, split
from spikeloop.kernels._ring import collect_p, relay
from spikeloop.kernels._spike_queue import deliver_p, enqueue_p
from spikeloop.kernels.plan._groups import Group, direct, kernel_of
from spikeloop.kernels.plan._launches import launches_of

pytestmark = pytest.mark.usefixtures("native")
N = 8
INDICES, ROWS = jnp.arange(N, dtype=jnp.uint16), Rows(0, N, sorted=True)


@pytest.fixture(autouse=True)
def holds_kernels_for_gpus(monkeypatch):
    targets = dict.fromkeys([*KERNELS, "sequence"], ("cpu", "cuda"))
    monkeypatch.setattr(_library, "targets", targets)


def project(spikes, target, rows=ROWS):
    return scatter(spikes, jnp.ones(1), INDICES, jnp.zeros(0, jnp.int32), target, rows)


def poisson(key, target):
    return add(key, [(N, 0, np.array([1 << 31]))], 0.5, target)


def plan(step, *args):
    """The kernels of each launch and the other operations, in order."""
    found = launches_of(direct(jax.make_jaxpr(step)(*args).jaxpr, "cuda"), [])
    named = [[*map(name_of, x.equations)] if isinstance(x, Group) else name_of(x) for x in found]
    return [x for x in named if x not in ("broadcast_in_dim", "squeeze", "reshape", "convert_element_type")]


def name_of(equation):
    kernel = kernel_of(equation.primitive)
    return kernel.name if kernel else equation.primitive.name


x, y, key = jnp.zeros(N), jnp.ones(N), jnp.zeros(2, jnp.uint32)


def test_projections_to_one_or_several_arrays_are_one_launch():
    both = ["event_scatter", "event_scatter"]
    assert plan(lambda s, a, b: (project(s, a), project(s, b)), x, x, y) == [both]
    assert plan(lambda s, a: project(s, project(s, a)), x, y) == [both]


def test_what_cannot_be_part_of_a_launch_adds_afterwards():
    def step(key, s, g):
        key, own = split(key)
        g = project(s, poisson(own, project(s, g)))
        return key, g

    assert plan(step, key, x, y) == [["random_split", "event_scatter", "event_scatter"], "random_add"]


def test_a_sum_that_is_read_in_between_keeps_its_order():
    def step(key, s, g):
        g = poisson(key, g)
        return project(s, g), g * 2

    assert plan(step, key, x, y) == ["random_add", "mul", ["event_scatter"]]


def test_a_sum_whose_order_other_results_decide_keeps_it():
    """The second projection needs what the first one stored; the first cannot come after it."""

    def step(s, past, g):
        synapses = jnp.ones(1), INDICES, jnp.zeros(0, jnp.int32)
        past, g = relay(s, *synapses, jnp.int32(0), past, g, ROWS._replace(exact=True))
        return past, project(past.sum(0), g)

    found = [item for item in plan(step, x, jnp.zeros((2, N)), y) if item == "event_relay" or isinstance(item, list)]
    assert found == ["event_relay", ["event_scatter"]]


def test_what_needs_results_of_a_launch_is_another():
    def step(s, g):
        g = project(s, g)
        return project(g, s), project(jnp.cumsum(g), g)

    found = plan(step, x, y)
    assert [item for item in found if isinstance(item, list)] == [["event_scatter"]] * 3
    # The sum is what the second one adds to, and its spikes as well.
    assert plan(lambda s, g: project(project(s, g), g), x, y) == [["event_scatter"]] * 2
    assert plan(lambda s, g: (lambda h: project(h, h))(project(s, g)), x, y) == [["event_scatter"]] * 2


def test_what_replaces_what_another_reads_is_another():
    assert plan(lambda s, g: (project(s, g), project(g * 2, s)), x, y) == ["mul", ["event_scatter"], ["event_scatter"]]


def test_exact_sums_are_launches_of_their_own():
    exact = ROWS._replace(exact=True)
    assert plan(lambda s, g: project(s, project(s, g, exact), exact), x, y) == ["event_scatter", "event_scatter"]


def test_queued_spikes_are_delivered_by_one_launch_with_the_ring():
    synapses, ring, full = (
        {"weight": x[:1], "indices": INDICES, "indptr": jnp.zeros(0, jnp.int32)},
        jnp.zeros((2, N)),
        0,
    )
    queue = {"count": jnp.zeros(2, jnp.int32), "sources": jnp.zeros((2, N), jnp.uint32), "values": ring}

    def step(queue, ring, full, starts, target):
        own = {"delay": jnp.zeros(N, jnp.uint8), "spikes": y, "cursor": jnp.int32(0), "rows": ROWS}
        ring, full, *lists = enqueue_p(**synapses, **own, ring=ring, full=full, **queue)
        queue = dict(zip(queue, lists, strict=True))
        *lists, target = deliver_p(**synapses, **queue, starts=starts, cursor=jnp.int32(0), target=target, rows=ROWS)
        target, ring = collect_p(cursor=jnp.int32(0), full=full, target=target, ring=ring, slots=0)
        return [ring, full, *lists, target]

    found = plan(step, queue, ring, full, jnp.zeros((N, 17), jnp.uint16), x)
    assert found == [["event_enqueue"], ["event_deliver", "event_collect"]]
