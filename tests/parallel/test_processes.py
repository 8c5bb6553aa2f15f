"""Several processes run one network through Gloo; what goes wrong in one of them ends the others."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from spikeloop.parallel import _processes
from spikeloop.parallel._launch import _free_port

SCRIPT = Path(__file__).parents[1] / "helpers" / "in_processes.py"


@pytest.fixture(scope="module")
def run(native, tmp_path_factory):
    """Two processes, one of which is killed at the end, and their copies."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    env["XLA_FLAGS"] = "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false"
    env |= {"RUN": str(tmp_path_factory.mktemp("records") / "run"), "NOBODY": f"127.0.0.1:{_free_port()}"}
    env["FOUR"] = f"127.0.0.1:{_free_port()}"
    command = [sys.executable, "-m", "spikeloop", "launch", "-n", "2", str(SCRIPT)]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=300)


def told(run, word):
    """What a line of the output says."""
    (line,) = [line for line in run.stdout.splitlines() if line.startswith(word)] or [run.stderr]
    return json.loads(line.removeprefix(word))


@pytest.fixture(scope="module")
def found(run):
    """What the two processes found before."""
    return told(run, "FOUND")


def test_four_processes_find_what_one_finds(run):
    found = told(run, "SEVERAL")
    assert found["n"] == 4
    assert found["spikes"] > 0
    assert found["same"] == [True] * 2


def test_records_are_those_of_one_process(found):
    assert found["spikes"] > 0
    assert found["same"] == [True] * 4


def test_one_process_goes_on_with_the_run_of_several(found):
    assert found["goes on"] == [True] * 4


def test_a_process_never_has_the_synapses_of_others(found):
    whole = [n_pre * 40 for n_pre in (162, 41)]
    assert len(found["synapses"]) == len(whole)
    assert all(0.4 * n < own < 0.6 * n for own, n in zip(found["synapses"], whole, strict=True))


def test_a_state_that_processes_made_differently_is_named(found):
    assert found["differ"].startswith("net.N.V has other values in this process than in others")


def test_a_killed_process_ends_the_others(run):
    assert run.returncode != 0
    assert "FOUND" in run.stdout
    assert "ENDED" not in run.stdout


def test_a_process_does_not_wait_forever_for_others_that_do_not_come(run, found):
    *of_four, alone = found["ended"]
    assert of_four == [0, 0]
    assert alone != 0
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
