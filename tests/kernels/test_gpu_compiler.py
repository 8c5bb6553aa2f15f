"""XLA's compiler for GPUs, without a GPU: what becomes of the loop of a simulation on an H100.

It is part of `pip install --no-deps jax-cuda13-pjrt jax-cuda13-plugin`, in the version of jaxlib.
"""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from hlo import body_of, copies, outer_calls

HELPERS = Path(__file__).parents[1] / "helpers"

PROGRAM = """
import json
import re
import sys
from pathlib import Path

import brainunit as u
import jax
import numpy as np
import spikeloop as sl
from jax.experimental import topologies
from jax.extend.core import jaxpr_as_fun
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from spikeloop._jax import register_target
from spikeloop.kernels import _library
from spikeloop.transform._program import Program

jax.default_backend = lambda: "gpu"  # as a user has it: loops are unrolled, and plasticity is not lazy
for name, capsule in _library.native.registrations(cuda=True).items():  # whether the library holds their kernels or not
    target = name.removeprefix(_library.xla_name("", "cuda"))
    if "cuda" not in _library.targets.setdefault(target, ()):
        register_target(name, capsule, "CUDA")
        _library.targets[target] += ("cuda",)

config, dump, out = sys.argv[1:]
device = topologies.get_topology_desc("", "cuda", target_config=Path(config).read_text(), topology="1x1x1").devices[0]
there = NamedSharding(Mesh(np.array([device]), "x"), PartitionSpec())


def lower(self, call):
    args, kwargs, *donated = call
    given = []
    found = self._find(given) if self._extras else [ref()._value for ref in self.reads]
    own = (given, *donated) if given or any(donated) else ()
    closed = self.compiled.trace(own, found, args, kwargs).jaxpr
    flat = [jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=there) for x in closed.in_avals]
    compiled = jax.jit(jaxpr_as_fun(closed), donate_argnums=range(len(jax.tree.leaves(own))), out_shardings=there)
    return compiled.trace(*flat).lower(lowering_platforms=("cuda",))


Program.lower = lower
sl.environ.set(dt=0.1 * u.ms, precision=32)
tau = sl.ParamState(12.0 * u.ms)
neurons = sl.nn.init_all_states(sl.LIFRef(4000, tau=tau, spk_fun=sl.surrogate.Arctan()))
names = "COBANetwork", "Brunel", "BrunelSTDP"
nets = {name: sl.nn.init_all_states(getattr(sl.networks, name)(4000)) for name in names}
nets["PD14"] = sl.nn.init_all_states(sl.networks.PD14(0.005, in_degree=1.0))  # rows as long as in the full circuit


def spikes(step):
    return sl.transform.for_loop(step, length=96)


runs = {
    **{name: lambda net=net: spikes(net.update) for name, net in nets.items()},
    "population": lambda: spikes(lambda: neurons(3.0 * neurons.current_unit)),
    "gradient": sl.transform.grad(lambda: spikes(lambda: neurons(3.0 * neurons.current_unit)).sum(), tau),
}
found = {}
for name, run in runs.items():
    before = {*Path(dump).rglob("*thunk_sequence_after_thunk_passes*")}
    hlo = sl.transform.jit(run).lower().compile().as_text()
    (thunks,) = {*Path(dump).rglob("*thunk_sequence_after_thunk_passes*")} - before
    found[name] = thunks.read_text(), hlo
Path(out).write_text(json.dumps(found))
"""


@pytest.fixture(scope="module")
def compiled(native, tmp_path_factory):
    """What a GPU is told to do, one command a line, commands in a loop or a graph indented; and the optimised HLO."""
    if find_spec("jax_cuda13_plugin") is None:
        assert os.environ.get("REQUIRE_GPU_COMPILER") != "1", "XLA's compiler for GPUs is not installed"
        pytest.skip("XLA's compiler for GPUs is not installed")
    folder = tmp_path_factory.mktemp("gpu")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "JAX_PLATFORMS": "cpu"}
    env["XLA_FLAGS"] = f"--xla_dump_to={folder / 'dump'}"
    command = [sys.executable, "-c", PROGRAM, HELPERS / "h100.txt", folder / "dump", folder / "found.json"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((folder / "found.json").read_text())


def inside(text, kind):
    """For each command of a kind, those that it is part of."""
    outer, found = [], []
    for line in filter(str.strip, text.splitlines()):
        depth = len(line) - len(line.lstrip())
        outer = [(at, name) for at, name in outer if at < depth]
        name = line.split()[1] if ": " in line else line.strip()
        if name == kind:
            found.append([name for _, name in outer])
        outer.append((depth, name))
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("run", "loops"),
    [("COBANetwork", 1), ("Brunel", 1), ("BrunelSTDP", 1), ("PD14", 1), ("population", 1), ("gradient", 2)],
)
def test_native_calls_are_recorded_in_a_graph(compiled, run, loops):
    thunks, _ = compiled[run]
    calls = inside(thunks, "kCustomCall")
    assert len(inside(thunks, "kWhile")) == loops
    assert len(calls) >= loops
    assert all("body:" in outer and "kCommandBuffer" in outer for outer in calls), thunks


@pytest.mark.slow
@pytest.mark.parametrize("run", ["COBANetwork", "Brunel", "BrunelSTDP", "PD14", "population"])
def test_no_state_is_copied_in_a_step(compiled, run):
    thunks, hlo = compiled[run]
    assert copies(body_of(hlo), 100) == [], thunks


@pytest.mark.slow
@pytest.mark.parametrize(
    ("run", "launches", "others"),
    [("COBANetwork", 2, 3), ("Brunel", 3, 5), ("BrunelSTDP", 5, 32), ("PD14", 4, 5), ("population", 1, 3)],
)
def test_launches_of_a_step(compiled, run, launches, others):
    """Native ones of a step, and the kernels of XLA in eight steps, of which it makes one graph."""
    thunks, hlo = compiled[run]
    assert len(outer_calls(body_of(hlo))) == 8 * launches
    assert sum("body:" in outer for outer in inside(thunks, "kCustomKernel")) == others, thunks


@pytest.mark.slow
def test_plasticity_runs_native(compiled):
    _, hlo = compiled["BrunelSTDP"]
    learns = [name for name in outer_calls(body_of(hlo)) if "plastic" in name]
    assert {*learns} == {"cuda.plastic_columns", "cuda.plastic_rows"}
