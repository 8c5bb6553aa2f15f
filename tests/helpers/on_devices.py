"""Run as a script: checks of `sl.parallel.mesh` on four virtual devices; prints {check: what it found} as JSON.

The argument is the folder that XLA writes its programs to.
"""

import json
import re
import sys
import tempfile
from pathlib import Path

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import optax
import spikeloop as sl
from jax.sharding import AxisType
from jax.sharding import PartitionSpec as P
from networks_on_devices import Noisy, OwnDelays, Sparse
from spikeloop.parallel import _describe

NETWORKS = {
    "Noisy": (Noisy, 40),
    "Brunel": (lambda: sl.networks.Brunel(303, out_degree=60), 47),  # three blocks of 14 steps, and five steps
    "BrunelSTDP": (lambda: sl.networks.BrunelSTDP(203, out_degree=40), 60),
    "PD14": (lambda: sl.networks.PD14(0.006), 60),
    "LongRows": (lambda: OwnDelays(80, 0.1 * u.ms, 0.3 * u.ms), 30),  # so many of few delays that spikes are queued
}
RECORDED = {
    "COBA": lambda: sl.networks.COBANetwork(402, out_degree=40),
    "OwnDelays": lambda: OwnDelays(20, 0.6 * u.ms, 2.0 * u.ms),  # five blocks of seven steps, and two steps
}
FOUND = {}


def run(name, mesh=None):
    """(spikes, V, network) of a run, alone or on a mesh."""
    make, steps = NETWORKS[name]
    sl.random.seed(3)
    if mesh is None:
        net = sl.nn.init_all_states(make())
        spikes = sl.transform.for_loop(net.update, length=steps)
        return np.asarray(spikes), np.asarray(u.get_mantissa(net.N.V.value)), net
    with mesh:
        net = sl.nn.init_all_states(make())
        spikes = sl.transform.for_loop(net.update, length=steps)
        return sl.parallel.gather(spikes), u.get_mantissa(sl.parallel.gather(net.N.V.value)), net


def same(name, mesh, alone):
    """How many spikes there are, and whether spikes and V are those of a run on one device."""
    spikes, v, net = run(name, mesh)
    return {"spikes": int(spikes.sum()), "same": bool((spikes == alone[0]).all() and (v == alone[1]).all())}, net


def message(fun):
    """The type and text of what a function raises."""
    try:
        fun()
    except Exception as error:  # every error is what is asked for
        return f"{type(error).__name__}: {error}"
    return "nothing"


def devices(n, **options):
    """A mesh of the first devices."""
    return sl.parallel.mesh(devices=jax.devices()[:n], **options)


def check_networks():
    """Equal spikes and V on two and four devices; lists of spikes are too short on two."""
    for name in NETWORKS:
        alone = run(name)
        n = 2 if name == "PD14" else 4
        FOUND[f"{name} {n}"], net = same(name, devices(n), alone)
        if name == "Brunel":
            FOUND["Brunel 2"], _ = same(name, devices(2, list_length=1), alone)
            FOUND["gathers of Brunel"] = gathers()
            FOUND["placed"] = placed(net)
            with devices(4):
                FOUND["single synapses"] = message(lambda net=net: net.E.comm.to_coo())
            FOUND["outside"] = message(lambda net=net: sl.transform.for_loop(net.update, length=1))
        if name == "Noisy":
            FOUND["drawn"] = drawn(net)
        if name == "LongRows":
            FOUND["queued"] = net.P.queue is not None
        if name == "BrunelSTDP":
            FOUND["gathers of BrunelSTDP"] = gathers()
            check_weights(alone[2], net)


def check_weights(alone, net):
    """Learned weights are the same, synapse by synapse."""
    file = Path(tempfile.mkdtemp()) / "states.safetensors"
    with devices(4):
        saved = sl.nn.save_states(net)
        sl.io.save(net, file)
        FOUND["recorded weights"] = message(lambda: sl.record.States(net.E.comm, "weight"))
    whole = sl.nn.save_states(alone)
    FOUND["saved"] = sorted(path for path in whole if not equal(whole[path], saved[path]))
    sl.nn.load_states(alone, {path: jax.tree.map(np.asarray, value) for path, value in saved.items()})
    with devices(2):
        other = sl.nn.init_all_states(NETWORKS["BrunelSTDP"][0]())
        sl.io.load(other, file)
        again = sl.nn.save_states(other)
        sl.random.seed(4)
        steps = sl.parallel.gather(sl.transform.for_loop(other.update, length=20))
        weight = other.E.comm.weight
        FOUND["all weights"] = message(lambda: sl.transform.jit(lambda: u.get_mantissa(weight.value).sum())())
    sl.random.seed(4)
    file.unlink()
    FOUND["loaded"] = sorted(path for path in saved if not equal(again[path], saved[path]))
    FOUND["goes on"] = bool((steps == np.asarray(sl.transform.for_loop(alone.update, length=20))).all())


def equal(a, b):
    """Whether two values hold the same numbers."""
    return all(np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


def placed(net):
    """Whether States are cut, and each device has the synapses of its own targets alone."""
    with devices(4):
        comm = net.E.comm
        parts = [np.asarray(x.data) for x in comm.indices.addressable_shards]
        lengths = [int(np.asarray(x.data)[-1]) for x in comm.indptr.addressable_shards]
    whole = NETWORKS["Brunel"][0]().E.comm
    targets = np.asarray(whole.indices).astype(int)
    size = comm.parts.size
    own = [np.sort(p[:n].astype(int) + k * size) for k, (p, n) in enumerate(zip(parts, lengths, strict=True))]
    wanted = [np.sort(targets[targets // size == k]) for k in range(4)]
    return all(np.array_equal(a, b) for a, b in zip(own, wanted, strict=True))


def check_rules():
    """Drawn for each device alone, synapses are those of the whole, with their weights and delays."""
    drawn = {"weight": sl.init.Uniform(0 * u.mV, 1 * u.mV), "delay": sl.init.Uniform(0.1 * u.ms, 2 * u.ms)}
    few = sl.connect.Blocks([50], [5, 98], {(0, 0): sl.connect.FixedProb(0.5, 1 * u.mV)})
    rules = {
        "out-degree": sl.connect.FixedOutDegree(7, **drawn),
        "probability": sl.connect.FixedProb(0.1, lambda i, j: (i + j) * 0.1 * u.mV, delay=0.3 * u.ms),
        "no target on most devices": few,
        "given": sl.connect.Edges([0, 0, 1], [3, 1, 2], [1.0, 2.0, 3.0] * u.mV),
        "a list of weights": sl.connect.OneToOne(np.arange(50) * u.mV),
        "one weight": sl.connect.FixedInDegree(2, 1 * u.mV),
    }
    parts = {"a part": slice(20, 70), "not in order": [40, 30, *range(50, 98)]}
    FOUND["wrong rules"] = [
        f"{name} to {of}"
        for name, rule in rules.items()
        for of, index in ({"all": ...} if rule is few else parts).items()
        if not same_synapses(rule, index)
    ]


def same_synapses(rule, index):
    """Whether a rule makes the same synapses on four devices and on one."""

    def made():
        sl.random.seed(5)
        neurons = sl.LIF(103)
        return sl.DeltaProj(comm=rule, pre=50, post=neurons if index is ... else neurons[index]).comm

    whole = made()
    with devices(4):
        cut = made()
        parts = cut.parts
        targets = [parts.own(cut.indices, k).astype(int) + k * parts.size for k in range(4)]
        padded = np.concatenate([np.pad(x, (0, parts.longest - len(x))) for x in targets])
        delay = parts.whole(np.asarray(cut.delay)) if cut.has_own_delays else cut.delay
        weight = cut.weight.value
        numbers = np.asarray(u.get_mantissa(weight))
        numbers = parts.whole(numbers) if parts.has_own_weights else numbers
    wanted = whole.weight.value
    return (
        np.array_equal(parts.whole(padded), whole.indices)
        and np.array_equal(delay, whole.delay)
        and np.array_equal(numbers, wanted.mantissa)
        and weight.unit == wanted.unit
        and cut.num_synapses == whole.num_synapses
    )


def drawn(net):
    """The shapes of the random words that a device draws in a step."""
    with devices(4) as mesh:
        loop = _describe._Loop(mesh, net, 10)
        program = loop.placement.local(loop.jaxpr, loop.inputs)[0]
    kinds = "spikeloop_random_words|spikeloop_random_counts|spikeloop_random_add|threefry2x32|random_bits"
    return re.findall(rf"\w+:\w+\[([\d,]+)\](?: \w+:\w+\[[\d,]+\])? = (?:{kinds})", str(program))


def check_exchanges():
    """Recorders tell the same of all devices, and what each loop of the compiled program gathers."""
    for name, make in RECORDED.items():
        sl.random.seed(3)
        wanted = recorded(make)
        with devices(2 if name == "COBA" else 4):
            sl.random.seed(3)
            ours = recorded(make)
        FOUND[f"gathers of {name}"] = gathers()
        same = [np.array_equal(*pair) for pair in zip(ours, wanted, strict=True)]
        FOUND[f"recorded {name}"] = {"spikes": int(wanted[0].sum()), "same": same}


def recorded(make):
    """What recorders tell of a run, and V after it."""
    net = sl.nn.init_all_states(make())
    few = {"some": slice(0, 50), "few": [3, 5, 70]}
    recorders = [sl.record.Spikes(net.N), sl.record.Rate(net.N, groups=few)]
    events = sl.nn.init_all_states(sl.record.Events(net.N, 5000))

    def step():
        spikes = net.update()
        events()
        return spikes, *(recorder() for recorder in recorders)

    rows = [sl.parallel.gather(x) for x in sl.transform.for_loop(step, length=37)]
    V = u.get_mantissa(sl.parallel.gather(net.N.V.value))
    return [*rows, V, *jax.tree.leaves(sl.nn.save_states(events))]


def gathers(operation="all-gather"):
    """How many arrays each loop of the last program gathers, branches that are not taken as a rule aside."""
    programs = Path(sys.argv[1]).glob("*_run.*after_optimizations.txt")
    text = max(programs, key=lambda file: file.stat().st_mtime_ns).read_text()
    blocks = re.finditer(r"^(?:ENTRY )?%?([\w.\-]+) [^\n]*\{\n(.*?)^\}", text, re.S | re.M)
    computations = {block[1]: block[2] for block in blocks}
    return [computations[body].count(f" {operation}(") for body in {*re.findall(r"body=%?([\w.\-]+)", text)}]


def check_gradient():
    """The gradient through a loop, by a weight for each synapse, or by one for all of those that take five steps."""
    each = sl.init.Uniform(0.0 * u.mV, 0.2 * u.mV)

    def slope(mesh, weight, delay):
        sl.random.seed(3)
        net = sl.nn.Module("net")
        net.N = sl.LIFRef(101, V_th=1.0 * u.mV, tau_ref=1 * u.ms, V_initializer=sl.init.Uniform(0 * u.mV, 1 * u.mV))
        net.P = sl.project(net.N, net.N, sl.connect.FixedOutDegree(10, weight, seed=1), delay=delay)
        sl.nn.init_all_states(net)

        def loss():
            spikes = sl.transform.for_loop(lambda: (net.P(), net.N(1.5 * u.mA))[1], length=30)
            return (spikes * (1.0 + u.get_mantissa(net.N.V.value))).sum()

        (g,) = jax.tree.leaves(sl.transform.grad(loss, net.P.comm.weight)())
        return np.asarray(g) if mesh is None or g.size == 1 else net.P.comm.parts.whole(np.asarray(g))

    for name, *options in (("at once", each, None), ("each", each, 0.5 * u.ms), ("one", 0.1 * u.mV, 0.5 * u.ms)):
        with devices(2) as mesh:
            ours = slope(mesh, *options)
        FOUND[f"exchanges of gradient {name}"] = [sorted(gathers(kind)) for kind in ("all-gather", "all-reduce")]
        wanted = slope(None, *options)
        FOUND[f"gradient {name}"] = [float(np.abs(wanted).max()), float(np.abs(ours - wanted).max())]


def check_batch():
    """A network of all kinds of layers, trained by batches of which every device has its samples."""
    rng = np.random.default_rng(0)
    data = sl.train.Batches(rng.random((3, 16, 4, 4, 1), np.float32), rng.integers(0, 3, 16), 8)

    def trained():
        sl.random.seed(1)
        leaky = sl.snn.Leaky.desc(beta=sl.ParamState(jnp.asarray(0.9)), threshold=0.3)
        layers = [sl.nn.Conv2d((4, 4, 1), 2, 3), leaky, sl.nn.Flatten.desc(), sl.nn.Linear.desc(out_size=3)]
        net = sl.nn.Sequential(*layers, sl.snn.LeakyIntegrator.desc(beta=0.9))

        def forward(model, x):
            sl.nn.init_all_states(model, batch_size=x.shape[1])
            return model.run_steps(x)

        optimizer, loss = sl.train.Optimizer(optax.sgd(1.0), net), sl.train.membrane_cross_entropy
        data.epoch = 0
        history = sl.train.fit(net, data, loss, optimizer, forward=forward, pbar=False)
        params = [sl.parallel.gather(p.value) for p in optimizer.states_to_train.values()]
        return [np.asarray(history["loss"]), *jax.tree.leaves(params)], layers[0].weight.value["weight"], net

    wanted, *_ = trained()
    with sl.parallel.mesh(("batch",)):
        ours, weight, net = trained()
        FOUND["few samples"] = message(lambda: sl.parallel.split(np.zeros((2, 6)), axis=1))
    cut = not net.layers[1].V.value.sharding.is_fully_replicated
    FOUND["batch"] = {
        "error": max(float(np.abs(a - b).max()) for a, b in zip(wanted, ours, strict=True)),
        "States are cut": cut and weight.sharding.is_fully_replicated,
    }


def check_sparse_batch():
    """Sparse connections deliver the spikes of the samples of each device, forward and backward."""
    x = np.random.default_rng(0).random((9, 8, 43), np.float32) * 3

    def slopes(split):
        sl.random.seed(1)
        net = sl.nn.init_all_states(Sparse(), batch_size=8)
        net.N.V.value = jax.tree.map(lambda v: split(v, 0), net.N.V.value)

        def loss(x):
            return (sl.transform.for_loop(net.update, x) * (1 + u.get_mantissa(net.N.V.value))).sum()

        weights = {name: getattr(net, name).comm.weight for name in "PQR"}
        found = sl.transform.jit(lambda x: sl.transform.grad(lambda: loss(x), weights)())(split(x, 1))
        return jax.tree.leaves(found), net

    wanted, _ = slopes(lambda x, axis: jnp.asarray(x))
    with sl.parallel.mesh(("batch",)):
        ours, net = slopes(sl.parallel.split)
    states = [state.value for path, state in net.states().items() if path[-1] in ("V", "past", "ring")]
    cut = [not x.sharding.is_fully_replicated for x in jax.tree.leaves(states)]
    errors = [float(np.abs(a - b).max() / np.abs(b).max()) for a, b in zip(ours, wanted, strict=True)]
    with sl.parallel.mesh(("batch",)):
        ordered = sl.transform.jit(lambda x: jax.lax.map(jnp.sort, x))(sl.parallel.split(x[0]))
    cut.append(not ordered.sharding.is_fully_replicated)
    errors.append(float(np.abs(ordered - np.sort(x[0], 1)).max()))
    FOUND["sparse batch"] = {"errors": errors, "cut": cut}


def check_shard_map():
    """A function of parts of a population, and a State that is written differently by devices that share it."""
    mesh = jax.make_mesh((4,), ("x",), axis_types=(AxisType.Auto,))
    net = sl.nn.init_all_states(sl.LIF(40, V_initializer=sl.init.Uniform(0 * u.mV, 1 * u.mV)))
    total, start, xs = sl.State(jnp.zeros(())), net.V.value, jnp.full((30, 40), 30.0)

    def run(xs):
        spikes = sl.transform.for_loop(lambda x: net(x * u.mA), xs)
        total.value = total.value + jax.lax.psum(spikes.sum(), "x")
        return spikes

    parts = {state: P("x") for state in net.states().values()}
    ours = sl.transform.shard_map(run, mesh, P(None, "x"), P(None, "x"), state_in_specs=parts)(xs)
    v = np.asarray(net.V.value.mantissa)
    sl.nn.init_all_states(net)
    net.V.value = start
    wanted = sl.transform.for_loop(lambda x: net(x * u.mA), xs)
    same = [(ours == wanted).all(), (v == net.V.value.mantissa).all(), total.value == wanted.sum()]
    FOUND["shard_map"] = [bool(x) for x in same]

    def differ(xs):
        total.value = xs.sum()

    FOUND["replicated State"] = message(lambda: sl.transform.shard_map(differ, mesh, P("x"), P())(jnp.ones(4)))


def check_errors():
    """Misuse is named."""
    with devices(4):
        net = sl.nn.Module("net")
        net.few = sl.nn.init_all_states(sl.LIF(3))
        FOUND["few neurons"] = message(lambda: sl.transform.for_loop(lambda: net.few(), length=2))
    FOUND["axes"] = message(lambda: sl.parallel.mesh(("time",)))
    FOUND["list length"] = message(lambda: sl.parallel.mesh(list_length=0))


if __name__ == "__main__":
    sl.environ.set(dt=0.1 * u.ms)
    check_networks()
    check_rules()
    check_exchanges()
    check_gradient()
    check_batch()
    check_sparse_batch()
    check_shard_map()
    check_errors()
    json.dump(FOUND, sys.stdout)
