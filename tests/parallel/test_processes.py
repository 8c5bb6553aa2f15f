"""Several processes run one network through Gloo; what goes wrong in one of them ends the others."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
import quick_xla
from spikeloop.parallel import _processes
from spikeloop.parallel._launch import _free_port

pytestmark = pytest.mark.timeout(900)  # seven processes on as many cores as there are
SCRIPT = Path(__file__).parents[1] / "helpers" / "in_processes.py"


@pytest.fixture(scope="module")
def run(native, tmp_path_factory):
    """Two processes, one of which is killed at the end, and their copies."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    env["XLA_FLAGS"] = quick_xla.FLAGS
    env |= {"RUN": str(tmp_path_factory.mktemp("records")), "NOBODY": f"127.0.0.1:{_free_port()}"}
    env["FOUR"] = f"127.0.0.1:{_free_port()}"
    command = [sys.executable, "-m", "spikeloop", "launch", "-n", "2", str(SCRIPT)]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=900)


def told(run, word):
    """What a line of the output says."""
    (line,) = [line for line in run.stdout.splitlines() if line.startswith(word)] or [run.stderr]
    return json.loads(line.removeprefix(word))


@pytest.fixture(scope="module")
def found(run):
    """What the two processes found before."""
    return told(run, "FOUND")


@pytest.mark.parametrize("number", [2, 4])
def test_processes_find_what_one_finds(found, number):
    assert min(found["scenes"].values()) > 0
    assert {*found["scenes"]} == {"COBA 0", "Brunel 0", "BrunelSTDP 0", "weights 0", "PD14 0"}
    assert found[f"wrong of {number}"] == []


def test_each_process_has_its_share_of_the_cores_and_takes_turns(found):
    assert found["cores"] == max(len(os.sched_getaffinity(0)) // 2, 1)
    assert found["policy"] == os.SCHED_BATCH


def test_records_are_those_of_one_process(found):
    assert found["spikes"] > 0
    assert found["same"] == [True] * 4


def test_each_process_writes_records_of_its_own_neurons(found):
    own = {tuple(x) for x in found["written"]}
    assert own == {("V", 0), ("spikes", 0), ("some", 0), ("rate", 0)}, "the other process has written the rest"
    assert found["missing"].startswith("/")
    assert "V/c/1/1 is damaged (part 2 of 2 is not there)" in found["missing"]


def test_columns_of_a_record_are_written_once(found):
    # Of pieces of six, those of six lie in one process each; those of four and twelve are written in turn.
    assert found["columns"] == [[2, 2, 1, 1], [1, 1, 1, 1], [1, 1, 0, 0]]


def test_a_process_that_dies_ends_the_others_and_two_go_on_with_the_run_of_four(found):
    assert len(found["ended"]) == 3
    assert all(found["ended"])
    assert found["seconds to end"] < 60
    assert found["after death"] == [True] * 4


def test_one_process_goes_on_with_the_run_of_several(found):
    assert found["goes on"] == [True] * 4


def test_a_process_never_has_the_synapses_of_others(found):
    whole = [n_pre * 40 for n_pre in (163, 41)]
    assert len(found["synapses"]) == len(whole)
    assert all(0.4 * n < own < 0.6 * n for own, n in zip(found["synapses"], whole, strict=True))


def test_a_state_that_processes_made_differently_is_named(found):
    assert found["differ"].startswith("net.N.V has other values in this process than in others")


def test_a_killed_process_ends_the_others(run):
    assert run.returncode != 0
    assert "FOUND" in run.stdout
    assert "ENDED" not in run.stdout


def test_a_process_does_not_wait_forever_for_others_that_do_not_come(run, found):
    assert found["ended"][-1] != 0
    assert "sl.parallel.initialize: fewer than 2 processes have come in 5 s" in run.stderr


@pytest.mark.parametrize(("error", "status"), [(KeyboardInterrupt(), 130), (ValueError("x"), 1)])
def test_a_process_whose_script_fails_does_not_wait_for_the_others(monkeypatch, capsys, error, status):
    left, shown = [], []
    monkeypatch.setattr(logging, "shutdown", lambda: left.append("written"))
    monkeypatch.setattr(os, "_exit", left.append)
    _processes._Leave(lambda *what: shown.append(what))(type(error), error, None)
    assert (left, shown) == (["written", status], [(type(error), error, None)])
    assert f"process 0 has ended by {type(error).__name__}, and ends the others" in capsys.readouterr().err


def test_one_process_has_nothing_to_join(monkeypatch):
    assert _processes._given(None, None, None) is None
    assert _processes._given(None, 1, 0) is None
    monkeypatch.setenv("SLURM_NTASKS", "4")
    assert _processes._given(None, None, None) == {}
