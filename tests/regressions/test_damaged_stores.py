"""A store on disk: nothing of it is deleted by accident, one run at a time writes to it, and damage is refused."""

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import warnings

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop._errors import DamagedStoreError, StoreInUseError
from spikeloop.record import _lock

pytest.importorskip("zarr", reason="zarr is not installed: pip install 'spikeloop[record]'")


def go(path, duration=4 * u.ms, step=None, **options):
    """A run that draws noise, with all kinds of records."""
    sl.environ.set(dt=0.1 * u.ms)
    sl.random.seed(3)
    N = sl.nn.init_all_states(sl.LIF(9, V_th=0.5 * u.mV))

    def noisy(t):
        N(5 * u.mA + sl.random.normal(size=9) * u.mA)

    record = {
        "spikes": sl.record.Spikes(N),
        "V": sl.record.States(N, "V", every=0.2 * u.ms),
        "rate": sl.record.Rate(N, bin=1 * u.ms),
        "events": sl.record.Events(N, 300),
    }
    return sl.record.run(step or noisy, duration, record=record, chunk=20, path=path, **options)


def values(run):
    return {
        "spikes": run["spikes"].to_array(),
        "V": np.asarray(run["V"]),
        "rate": run["rate"].counts,
        "events": run["events"].to_array(),
    }


def same(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def files(path):
    return {str(f.relative_to(path)): f.read_bytes() for f in sorted(path.rglob("*")) if f.is_file()}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """(the path of a run of 4 ms, its records)."""
    path = tmp_path_factory.mktemp("store") / "run"
    found = values(go(path))
    assert found["spikes"].sum() > 20
    return path, found


@pytest.fixture
def stored(finished, tmp_path):
    """A copy of that run."""
    shutil.copytree(finished[0], tmp_path / "run")
    return tmp_path / "run"


# --- deletion --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resume", [True, False])
def test_records_without_their_checkpoint_are_not_deleted(stored, finished, resume):
    """All of them were, without a word."""
    (stored / "checkpoint.npz").unlink()
    before = files(stored)
    with pytest.raises(FileExistsError, match=r"run holds records, but no checkpoint.npz.*Put it back.*overwrite=True"):
        go(stored, resume=resume)
    with pytest.raises(FileNotFoundError, match=r"run has no checkpoint.npz.*Put it back"):
        sl.record.load(stored)
    assert {**files(stored), _lock.FILE: b""} == {**before, _lock.FILE: b""}
    shutil.copy(finished[0] / "checkpoint.npz", stored)
    assert same(values(go(stored, resume=True)), finished[1])


def test_only_overwrite_deletes_a_run(stored, finished):
    before = files(stored)
    with pytest.raises(FileExistsError, match=r"resume=True, choose another path, or delete it with overwrite=True"):
        go(stored)
    assert {**files(stored), _lock.FILE: b""} == {**before, _lock.FILE: b""}
    run = go(stored, 2 * u.ms, overwrite=True)
    assert (run.steps, sl.record.load(stored).steps) == (20, 20)
    assert same(values(go(stored, resume=True)), finished[1])
    (stored / "checkpoint.npz").unlink()
    assert same(values(go(stored, overwrite=True)), finished[1])


def test_overwrite_begins_where_nothing_is_and_spares_what_is_no_run(tmp_path):
    assert go(tmp_path / "new", 1 * u.ms, overwrite=True).steps == 10
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "thesis.tex").write_text("text")
    with pytest.raises(FileExistsError, match="theirs exists and holds no run; choose another path"):
        go(theirs, overwrite=True)
    assert files(theirs) == {"thesis.tex": b"text"}
    with pytest.raises(FileExistsError, match="thesis.tex exists and holds no run"):
        go(theirs / "thesis.tex", overwrite=True)


def test_a_run_killed_before_its_first_checkpoint_begins_anew(stored, finished):
    """It has no records yet."""
    (stored / "checkpoint.npz").unlink()
    for name in finished[1]:
        shutil.rmtree(stored / name / "c")
    assert same(values(go(stored, resume=True)), finished[1])


def test_contradictions(tmp_path):
    with pytest.raises(ValueError, match="give one of them"):
        go(tmp_path / "run", resume=True, overwrite=True)
    with pytest.raises(ValueError, match="overwrite=True needs the path"):
        go(None, overwrite=True)
    assert not (tmp_path / "run").exists()


# --- damage ----------------------------------------------------------------------------------------------------------


def outcome(use, path, whole):
    """What `use` of a store with a changed byte gives: the records, or an error with its path and what to do."""
    try:
        found = use()
    except (DamagedStoreError, FileNotFoundError, FileExistsError) as error:
        return str(path) in str(error)
    except ValueError as error:  # a digit of the number of the format
        return str(path) in str(error) and "another version" in str(error)
    return same(found, whole)


def names(finished):
    return [name for name in files(finished[0]) if name != _lock.FILE]


def test_every_file_truncated(finished, stored):
    for name in names(finished):
        whole = (stored / name).read_bytes()
        for length in (0, 1, len(whole) // 2, len(whole) - 1):
            (stored / name).write_bytes(whole[:length])
            with pytest.raises((DamagedStoreError, FileExistsError, FileNotFoundError), match=str(stored)):
                values(sl.record.load(stored))
        (stored / name).write_bytes(whole)
    assert same(values(sl.record.load(stored)), finished[1])


def test_every_file_lost(finished, stored):
    """A chunk that is not there was read as zeros."""
    for name in names(finished):
        whole = (stored / name).read_bytes()
        (stored / name).unlink()
        with pytest.raises((DamagedStoreError, FileNotFoundError), match=str(stored)):
            values(sl.record.load(stored))
        (stored / name).write_bytes(whole)
    assert same(values(sl.record.load(stored)), finished[1])


@pytest.mark.parametrize("seed", range(3))
def test_bytes_of_every_file_changed(finished, stored, seed):
    rng = np.random.default_rng(seed)
    for name in names(finished):
        whole = (stored / name).read_bytes()
        changed = bytearray(whole)
        changed[rng.integers(len(whole))] ^= 1 << rng.integers(8)
        (stored / name).write_bytes(changed)
        assert outcome(lambda: values(sl.record.load(stored)), stored, finished[1]), (name, changed)
        assert outcome(lambda: values(go(stored, resume=True)), stored, finished[1]), (name, changed)
        shutil.rmtree(stored)
        shutil.copytree(finished[0], stored)


@pytest.mark.parametrize("file", ["spikes/c/0/0", "V/c/1/0", "rate/c/0/0"])
def test_changed_records_are_refused(stored, file):
    whole = bytearray((stored / file).read_bytes())
    whole[len(whole) // 2] ^= 1
    (stored / file).write_bytes(whole)
    with pytest.raises(DamagedStoreError, match=rf"{file.split('/')[0]} is damaged .*checksum"):
        values(sl.record.load(stored))


def test_a_damaged_checkpoint_changes_no_state(stored):
    whole = (stored / "checkpoint.npz").read_bytes()
    (stored / "checkpoint.npz").write_bytes(whole[: len(whole) // 2])
    for _ in range(2):
        with pytest.raises(DamagedStoreError, match=r"checkpoint.npz is damaged \(BadZipFile.*Put a copy.*overwrite"):
            go(stored, 6 * u.ms, resume=True)
    assert sl.random.DEFAULT.value is not None
    assert go(stored, overwrite=True).is_complete


def test_a_state_of_the_checkpoint_damaged_leaves_all_states_as_they_were(tmp_path):
    sl.environ.set(dt=0.1 * u.ms)
    N = sl.nn.init_all_states(sl.LIF(50))
    run = lambda: sl.record.run(lambda t: N(5 * u.mA), 1 * u.ms, path=tmp_path / "run", resume=True)  # noqa: E731
    run()
    file = tmp_path / "run" / "checkpoint.npz"
    whole = bytearray(file.read_bytes())
    place = whole.rfind(b"\x93NUMPY")  # of the last State
    whole[place + 200] ^= 1
    file.write_bytes(whole)
    sl.nn.init_all_states(N)
    before = {name: np.asarray(u.get_mantissa(value)) for name, value in sl.nn.save_states(N).items()}
    with pytest.raises(DamagedStoreError, match="CRC"):
        run()
    for name, value in sl.nn.save_states(N).items():
        np.testing.assert_array_equal(u.get_mantissa(value), before[name])


def test_a_checkpoint_of_another_run(stored, tmp_path):
    go(tmp_path / "other", 2 * u.ms)
    shutil.copy(tmp_path / "other" / "checkpoint.npz", stored)
    with pytest.raises(DamagedStoreError, match=r"checkpoint.npz .*belongs to another run"):
        go(stored, resume=True)
    np.savez(stored / "checkpoint.npz", theirs=1)
    with pytest.raises(DamagedStoreError, match=r"checkpoint.npz is damaged \(KeyError"):
        sl.record.load(stored)


def test_a_store_of_another_version(stored):
    form = json.loads((stored / "zarr.json").read_text())
    form["attributes"]["spikeloop"] = {"format": 1, "steps": 40}
    (stored / "zarr.json").write_text(json.dumps(form))
    for use in (lambda: sl.record.load(stored), lambda: go(stored, resume=True)):
        with pytest.raises(ValueError, match="run was written by another version of spikeloop, in the format 1"):
            use()


def test_own_attributes_do_not_hurt(stored, finished):
    form = json.loads((stored / "zarr.json").read_text())
    form["attributes"]["note"] = "the good one"
    (stored / "zarr.json").write_text(json.dumps(form, indent=1))
    assert same(values(go(stored, resume=True)), finished[1])


def test_records_of_a_store_reach_another_process(finished, monkeypatch, tmp_path):
    loaded = sl.record.load(os.path.relpath(finished[0]))["V"].rows
    monkeypatch.chdir(tmp_path)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(loaded)), finished[1]["V"])


# --- one writer ------------------------------------------------------------------------------------------------------

_WRITER = """
import sys, time, spikeloop as sl
from pathlib import Path
from spikeloop.record._lock import sole_writer
with sole_writer(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(100)
"""


def test_a_second_process_is_refused_and_a_killed_one_forgotten(stored, finished):
    with subprocess.Popen([sys.executable, "-c", _WRITER, str(stored)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout.readline() == "held\n"
        before = files(stored)
        for options in ({"resume": True}, {"overwrite": True}):
            with pytest.raises(
                StoreInUseError, match=rf"run is being written by process {writer.pid} on .*another path"
            ):
                go(stored, **options)
        assert files(stored) == before
        assert same(values(sl.record.load(stored)), finished[1])  # reading needs no lock
        writer.send_signal(signal.SIGKILL)
    assert same(values(go(stored, resume=True)), finished[1])


def test_two_runs_of_one_process(stored):
    with _lock.sole_writer(stored), pytest.raises(StoreInUseError, match=f"process {os.getpid()} on"):
        go(stored, resume=True)
    go(stored, resume=True)


def test_a_child_that_outlives_the_writer_does_not_keep_the_lock(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of fork with threads
        with _lock.sole_writer(tmp_path):
            child = os.fork()
            if child == 0:
                signal.pause()
        with _lock.sole_writer(tmp_path):
            pass
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def test_where_files_cannot_be_locked_the_run_warns(tmp_path, monkeypatch):
    def refuse(file, operation):
        if operation != _lock.fcntl.LOCK_UN:
            raise OSError(38, "Function not implemented")

    monkeypatch.setattr(_lock.fcntl, "flock", refuse)
    with pytest.warns(UserWarning, match="run lies where files cannot be locked .*only one run") as caught:
        assert go(tmp_path / "run", 1 * u.ms).steps == 10
    assert caught[0].filename == __file__


def test_a_model_without_states_goes_on(tmp_path):
    """Its store was opened for reading only."""
    sl.environ.set(dt=0.1 * u.ms)

    class Steps(sl.record.Recorder):
        def update(self):
            return jnp.float32(1.0)

    for duration in (1, 3):
        record = Steps(sl.LIF(1))
        run = sl.record.run(lambda t: None, duration * u.ms, record=record, path=tmp_path / "run", resume=True)
    np.testing.assert_array_equal(run["steps"], np.ones((30, 1)))
