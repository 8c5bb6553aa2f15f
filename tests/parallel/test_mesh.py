"""Networks on several virtual devices: spikes, potentials, weights and gradients are those of one device."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import quick_xla
import spikeloop as sl
from spikeloop.parallel import _describe
from spikeloop.parallel._partition import Exchanged
from spikeloop.parallel._value import Layout, Value

SCRIPT = Path(__file__).parents[1] / "helpers" / "on_devices.py"
FLAGS = f"--xla_force_host_platform_device_count=4 {quick_xla.FLAGS}"
FLAGS += " --xla_dump_hlo_as_text --xla_dump_hlo_module_re=_run --xla_dump_to="


@pytest.fixture(scope="module")
def found(native, tmp_path_factory):
    """What the checks on four devices found: the number of devices has to be known before JAX starts."""
    folder = str(tmp_path_factory.mktemp("programs"))
    env = {**os.environ, "XLA_FLAGS": FLAGS + folder, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    done = subprocess.run([sys.executable, str(SCRIPT), folder], env=env, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


RUNS = ["Noisy 4", "Brunel 2", "Brunel 4", "BrunelSTDP 4", "PD14 2", "LongRows 4"]


@pytest.mark.parametrize("run", RUNS)
def test_spikes_and_potentials_do_not_depend_on_the_number_of_devices(found, run):
    assert found[run]["spikes"] > 0
    assert found[run]["same"]


def test_a_device_has_the_synapses_of_its_own_targets_alone(found):
    assert found["placed"]


def test_spikes_are_queued_for_synapses_of_long_rows(found):
    assert found["queued"]


def test_synapses_drawn_for_each_device_alone_are_those_of_the_whole(found):
    assert found["wrong rules"] == []


def test_a_device_draws_the_random_words_of_its_own_neurons_alone(found):
    assert sorted(found["drawn"]) == ["1,26"] * 3 + ["2,26", "26", "26"], "of 103 neurons on four devices"


@pytest.mark.parametrize("name", ["Brunel", "BrunelSTDP", "COBA", "OwnDelays"])
def test_spikes_are_exchanged_once_in_the_shortest_delay(found, name):
    assert [n for n in found[f"gathers of {name}"] if n] == [1], "the loop over blocks of steps"


@pytest.mark.parametrize("name", ["COBA", "OwnDelays"])
def test_recorders_and_potentials_are_the_same_for_any_number_of_devices(found, name):
    assert found[f"recorded {name}"]["spikes"] > 0
    assert all(found[f"recorded {name}"]["same"])


def test_saved_states_are_those_of_one_device_and_load_on_another_number_of_them(found):
    assert found["saved"] == found["loaded"] == []
    assert found["goes on"]


@pytest.mark.parametrize("name", ["at once", "each", "one"])
def test_the_gradient_through_a_loop_is_that_of_one_device(found, name):
    largest, error = found[f"gradient {name}"]
    assert largest > 0.1
    assert error < 1e-5 * largest


@pytest.mark.parametrize("name", ["each", "one"])
def test_differentiated_loops_exchange_once_in_the_delay_forward_and_backward(found, name):
    forward, backward = found[f"exchanges of gradient {name}"]
    assert [n for n in forward if n] == [n for n in backward if n] == [1], "the loops over blocks of steps"


def test_training_by_batches_that_devices_share_is_that_of_one_device(found):
    assert found["batch"]["error"] < 1e-5
    assert found["batch"]["States are cut"]


def test_sparse_connections_and_loops_over_samples_run_on_the_samples_of_each_device(found):
    assert len(found["sparse batch"]["errors"]) == 4
    assert max(found["sparse batch"]["errors"]) < 1e-5
    assert found["sparse batch"]["cut"] == [True] * 4


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("few neurons", "ValueError: net.few has 3 neurons, fewer than the 4 devices"),
        ("single synapses", "NotImplementedError: Brunel.E.comm.to_coo: .* targets only. Build the connection outside"),
        ("recorded weights", "NotImplementedError: record.States of Brunel.*weight: in sl.parallel.mesh.*save_states"),
        ("outside", "RuntimeError: Brunel.E.comm was built in sl.parallel.mesh.*Use it inside"),
        ("all weights", "NotImplementedError: reduce_sum of the synapses of a connection"),
        ("list length", "ValueError: mesh: list_length must be a whole number, at least 1; given 0"),
        ("axes", r"ValueError: mesh: axes must be \(.neurons.,\) or \(.batch.,\); given \(.time.,\)"),
        ("few samples", "ValueError: A batch of 6 samples cannot be cut into equal parts for 4 devices"),
        ("replicated State", "ValueError: .*differs between devices along .'x'.*by its spec P"),
    ],
)
def test_misuse_is_named(found, what, says):
    assert re.search(says, found[what]), found[what]


def test_shard_map_hands_parts_of_states_to_a_function(found):
    assert found["shard_map"] == [True, True, True]


def test_what_is_exchanged_is_told():
    told = lambda n, shape, steps: _describe._told(  # noqa: E731
        Exchanged(Value(np.zeros(shape, np.float32), Layout(len(shape) - 1, n)), steps), sl.parallel.mesh()
    )
    assert told(8000, (4000,), 1) == "spikes: in every step, a message of 68 bytes for up to 16 spikes of a device"
    assert told(2000, (15, 1000), 15).startswith("spikes: once in 15 steps, a message of 236 bytes for up to 58 spikes")
    assert told(8, (4,), None) == "gathered in a step: float32[4] of every device"


def test_one_device_changes_nothing():
    with sl.parallel.mesh() as mesh:
        assert mesh.shards == 1
        assert sl._mesh.current() is None
