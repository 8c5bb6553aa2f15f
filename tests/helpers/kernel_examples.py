"""A small call of each declared kernel; a new kernel needs an example here."""

import jax
import jax.numpy as jnp
import numpy as np
import spikeloop as sl
from spikeloop.connect import Connection
from spikeloop.connect._procedural import _Drawn
from spikeloop.kernels import Pass, ReceptorKind, _neuron
from spikeloop.kernels._conv import Axis
from spikeloop.kernels._event import Rows
from spikeloop.kernels._spike_queue import starts
from spikeloop.models import LIF
from spikeloop.plasticity._columns import columns_of
from spikeloop.plasticity._delayed_synapses import DelayedSynapses

N_PRE, N_POST, SLOTS, STEPS = 8, 16, 4, 5


def examples():
    """(operands by name, structure) of a call of each kernel."""
    rng = np.random.default_rng(0)
    draw = lambda *shape: jnp.asarray(rng.uniform(0.1, 0.9, shape), jnp.float32)  # noqa: E731
    pre, post = (jnp.asarray(rng.random(n) < 0.5, jnp.float32) for n in (N_PRE, N_POST))
    lengths = rng.integers(1, 7, N_PRE)
    nnz = int(lengths.sum())
    c = Connection(rng.integers(0, N_POST, nnz), np.append(0, np.cumsum(lengths)), 1.0, N_PRE, N_POST,
                   delay=rng.integers(0, SLOTS, nnz))  # fmt: skip
    rows, drawn = {"rows": Rows(0, N_PRE, sorted=True)}, {"drawn": _Drawn("fixed_prob", 3, N_PRE, N_POST, prob=0.3)}
    timed = {"rows": rows["rows"]._replace(slots=0)}
    places = {"indices": c.indices, "indptr": c.indptr}
    weight, weighted = {"weight": draw(nnz)}, {"weight": draw(nnz), **places}
    cursor, law = jnp.asarray(2, jnp.int32), jnp.asarray([0, 1, 0, 1, 0.4], jnp.float32)
    columns = columns_of(c)._asdict()
    shift = {"shift": columns.pop("shift")}
    by_column = {**columns, "indptr": c.indptr}
    listed = {
        "count": jnp.asarray([2, 0, 1, 0], jnp.int32),
        "sources": jnp.asarray(np.tile(np.arange(N_PRE), (SLOTS, 1)), jnp.uint32),
        "values": draw(SLOTS, N_PRE),
    }
    begins = {"starts": starts(c.indices, c.indptr, c.delay, SLOTS - 1, N_POST, rows["rows"])}
    drawn_from = {"keys": jax.random.key_data(jax.random.key(1)), "first": jnp.uint32(0)}
    full, target, ring = jnp.ones((), jnp.int32), draw(N_POST), draw(SLOTS, N_POST)
    waiting = {
        "listed": jnp.zeros((2, N_POST, 8), jnp.float32).at[0].set(jnp.inf),
        "marks": jnp.ones(N_PRE, jnp.float32),
    }
    credits = {
        "listed": jnp.zeros((3, N_POST, 8), jnp.float32).at[0].set(jnp.inf),
        "marks": jnp.zeros((2, N_PRE), jnp.float32).at[0].set(1),
    }
    sides = {
        "post": post,
        "slopes": draw(N_PRE),
        "law_post": law,
        "pre": pre,
        "of_targets": draw(N_POST),
        "law_pre": law,
    }
    walk = {"clock": draw(1), "walked": pre != 0, "renew": jnp.zeros(1, jnp.int32), "spikes": pre}
    learning = {"dependence_post": 0, "dependence_pre": 1, **shift, "graded": False}
    late = DelayedSynapses(c, "axon", jnp.float32, lambda: (jnp.zeros(N_PRE), jnp.zeros(N_PRE)))
    by_source, by_target = late.by_source._asdict(), late.by_target._asdict()
    past = history(rng)
    since = {"left": draw(N_PRE), "gain": draw(N_PRE)}
    synapses = {**weight, "eligibility": draw(nnz)}
    return {
        "history_record": ({"values": pre, "cursor": cursor, **past}, {}),
        "history_deliver": (
            {**past, "cursor": cursor, **weighted, "delay": c.delay, "target": target},
            {"exact": False},
        ),
        "plastic_at_arrival": (
            {**past, "cursor": cursor, "coefficient": draw(N_POST), "law": law, **by_source, **weight},
            {"dependence": 1},
        ),
        "plastic_delayed": (
            {"events": post, "ring": draw(SLOTS, N_PRE), "cursor": cursor, "law": law, **by_target, **weight},
            {"dependence": 2},
        ),
        "plastic_credit_at_arrival": (
            {**past, "cursor": cursor, "coefficient": draw(N_POST), **since, **by_source, **synapses},
            {"lines_are_sources": True},
        ),
        "plastic_credit_delayed": (
            {"events": post, "ring": draw(SLOTS, N_PRE), "cursor": cursor, **since, **by_target, **synapses},
            {"lines_are_sources": False},
        ),
        "event_scatter": ({"spikes": pre, **weighted, "target": target}, rows),
        "event_gather": ({"ct": target, **weighted}, rows),
        "event_outer": ({"spikes": pre, "ct": target, **places}, {**rows, "single": False}),
        "dense_product": ({"spikes": pre, "weight": draw(N_PRE, N_POST)}, {"rounded": False}),
        "dense_outer": ({"spikes": pre, "ct": target}, {"rounded": False}),
        "conv_product": (
            {"spikes": pre.reshape(4, 2), "weight": draw(3, 2, 5)},
            {"windows": (Axis.of(4, 3, 1, (1, 1), 1),), "rounded": False},
        ),
        "conv_outer": (
            {"spikes": pre.reshape(4, 2), "ct": target.reshape(4, 4)},
            {"windows": (Axis.of(4, 3, 1, (1, 1), 1),), "rounded": False},
        ),
        "event_relay": (
            {"spikes": pre, **weighted, "cursor": cursor, "past": draw(SLOTS, N_PRE), "target": target}, timed,
        ),
        "ring_turn": ({"spikes": pre, "cursor": cursor, "past": draw(SLOTS, N_PRE)}, timed),
        "ring_unturn": ({"ct": draw(N_PRE), "cursor": cursor, "past": draw(SLOTS, N_PRE)}, timed),
        "ring_oldest": ({"cursor": cursor, "past": draw(SLOTS, N_PRE)}, timed),
        "event_collect": ({"cursor": cursor, "full": full, "target": target, "ring": ring}, {"slots": 0}),
        "event_starts": (
            {**places, "delay": c.delay}, {"longest": SLOTS - 1, "n_post": N_POST, **rows, "dtype": np.dtype("uint16")},
        ),
        "event_enqueue": (
            {"spikes": pre, **weighted, "delay": c.delay, "cursor": cursor, "ring": ring, "full": full, **listed}, rows,
        ),
        "event_deliver": ({**weighted, **begins, "cursor": cursor, **listed, "target": target}, rows),
        "procedural_scatter": ({"values": pre, "target": target}, {**rows, **drawn}),
        "procedural_gather": ({"ct": target}, {**rows, **drawn}),
        "random_split": ({"keys": drawn_from["keys"]}, {}),
        "random_words": (drawn_from, {"shape": (9,)}),
        "random_counts": (
            {**drawn_from, "bounds": jnp.asarray([1 << 30, 1 << 31], jnp.uint32)}, {"shape": (9,)},
        ),
        "random_add": (
            {
                **drawn_from,
                "bounds": jnp.asarray([1 << 30, 1 << 31, 0, 1 << 30], jnp.uint32),
                "parts": jnp.asarray([[3, 2, 5], [N_POST, 4, 0]], jnp.int32),
                "weight": draw(N_POST),
                "target": target,
            },
            {"neurons": N_POST},
        ),
        "record_pack": ({"spikes": pre}, {}),
        "record_count": ({"spikes": pre}, {"groups": ((0, 3), (2, N_PRE))}),
        "record_append": (
            {"spikes": pre, "clock": jnp.asarray([1, 5], jnp.int32), "events": jnp.zeros((6, 2), jnp.int32)}, {},
        ),
        "plastic_rows": (
            {"events": pre, "coefficient": draw(N_POST), "law": law, **places, **weight}, {"dependence": 1}
        ),
        "plastic_columns": (
            {"events": post, "coefficient": draw(N_PRE), "law": law, **by_column, **weight}, {"dependence": 2, **shift},
        ),
        "plastic_learn": ({**sides, **walk, **places, **columns, **waiting, "target": target, **weight}, learning),
        "plastic_reinforce": (
            {"post": post, "slopes": draw(N_PRE), "pre": pre, "of_targets": draw(N_POST), "law": law,
             "moment": draw(3), "walked": pre != 0, "renew": jnp.zeros(1, jnp.int32), "spikes": pre, **places,
             **columns, **credits, "target": target, **synapses}, shift,
        ),
        "plastic_flush": (
            {"events": pre, "left": draw(N_PRE), "gain": draw(N_PRE), "spikes": pre, "coefficient": draw(N_POST),
             "bounds": law[:2], **places, **weight, "eligibility": draw(nnz)}, {},
        ),
        "plastic_credit": (
            {"events": post, "coefficient": draw(N_PRE), "gain": draw(N_PRE), **by_column, **weight,
             "eligibility": draw(nnz)}, shift,
        ),
        **neuron(draw),
    }  # fmt: skip


def history(rng):
    """Values of the last steps, of which the neurons that are not 0 are listed."""
    ring = np.where(rng.random((SLOTS, N_PRE)) < 0.5, rng.uniform(0.1, 0.9, (SLOTS, N_PRE)), 0).astype(np.float32)
    neurons = np.zeros((SLOTS, N_PRE), np.uint32)
    for slot, values in enumerate(ring):
        found = np.flatnonzero(values)
        neurons[slot, : found.size] = found
    count = np.count_nonzero(ring, axis=1).astype(np.int32)
    return {"ring": jnp.asarray(ring), "count": jnp.asarray(count), "neurons": jnp.asarray(neurons)}


def neuron(draw):
    """The pass of a population with all options, and its derivatives."""
    kinds = (ReceptorKind("expon", "coba"), ReceptorKind("cascade", "mg"))
    config = Pass(LIF, True, True, False, sl.surrogate.Sigmoid(), kinds)
    operands = {x.name: draw(N_POST) if x.group == "state" else draw() for x in config.operands()}
    operands |= {_neuron.REF_LEFT: jnp.arange(N_POST, dtype=jnp.float32) % 3, "V_th": jnp.float32(1.5)}
    operands |= {_neuron.SPIKE: jnp.arange(N_POST, dtype=jnp.float32) % 2}
    operands = {name: jnp.asarray(x, jnp.float32) for name, x in operands.items()}
    smooth, structure = config.smooth(), {"config": config}
    active = {**structure, "active": smooth.operands}
    pushed = {f"d {name}": jnp.ones_like(operands[name]) for name in smooth.operands}
    pulled = {f"d new {name}": draw(N_POST) for name in smooth.results}
    return {
        "neuron": (operands, structure),
        "neuron.jvp": ({**operands, **pushed}, active),
        "neuron.vjp": ({**operands, **pulled}, active),
        **neuron_steps(draw, operands, config),
        **recurrent_steps(draw, operands, config),
    }


def neuron_steps(draw, operands, config):
    """Some steps of that population, whose input changes from step to step, and their derivatives."""
    smooth, states = config.smooth(), [x.name for x in config.operands() if x.group == "state"]
    operands = {**operands, "input current": draw(STEPS, N_POST)}
    before = {name: draw(STEPS, N_POST) for name in states} | {
        name: jnp.asarray(np.arange(STEPS * N_POST).reshape(STEPS, N_POST) % k, jnp.float32)
        for name, k in ((_neuron.REF_LEFT, 3), (_neuron.SPIKE, 2))
    }
    carried = [name for name in states if name in {*smooth.operands, *smooth.results}]
    structure = {"config": config, "timed": ("input current",), "steps": STEPS, "reverse": False}
    active = {**structure, "timed": ("input current", *states), "stacked": ("last spike",), "active": smooth.operands}
    summed = tuple(x.name for x in config.operands() if x.group == "parameter" and x.name in smooth.operands)
    pushed = {f"d {name}": jnp.ones_like(operands[name]) for name in dict.fromkeys([*smooth.operands, *carried])}
    pulled = {f"d new {name}": draw(N_POST) for name in carried}
    return {
        "neuron_steps": (operands, {**structure, "stacked": ("last spike",), "saved": ("V",), "memory": "save"}),
        "neuron_steps.jvp": ({**operands, **before, **pushed}, active),
        "neuron_steps.vjp": (
            {**operands, **before, **pulled, "d new last spike in a step": draw(STEPS, N_POST)},
            {**active, "summed": summed},
        ),
    }


def recurrent_steps(draw, operands, config):
    """The same of a population whose neurons are connected with each other."""
    weight = {"recurrent weight": draw(N_POST, N_POST)}
    steps = neuron_steps(draw, operands, config).items()
    return {name.replace("neuron", "recurrent"): ({**given, **weight}, structure) for name, (given, structure) in steps}
