"""Runs on disk: killed at any moment and resumed, they are what an uninterrupted run is, bit for bit."""

import os
import pathlib
import signal
import subprocess
import sys

import brainunit as u
import killed
import numpy as np
import pytest
import spikeloop as sl

zarr = pytest.importorskip("zarr", reason="zarr is not installed: pip install 'spikeloop[record]'")


def records(run):
    return {
        "spikes": run["spikes"].to_array(),
        "V": np.asarray(run["V"]),
        "rate": run["rate"].counts,
        "events": run["events"].to_array(),
    }


def states(net):
    return {k: np.asarray(u.get_mantissa(v)) for k, v in sl.nn.save_states(net).items()} | {
        "key": np.asarray(sl.random.DEFAULT.value)
    }


def same(a, b):
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """(states, records) of an uninterrupted run."""
    net, run = killed.go(tmp_path_factory.mktemp("whole") / "run.zarr")
    assert len(run["spikes"]) > 5
    return states(net), records(run)


@pytest.mark.parametrize(
    ("chunks", "moment", "number"),
    [(3, "entries", signal.SIGKILL), (2, "checkpoint", signal.SIGKILL), (3, "entries", signal.SIGINT)],
)
def test_an_interrupted_run_goes_on_bit_for_bit(tmp_path, whole, chunks, moment, number):
    path = tmp_path / "run.zarr"
    command = [sys.executable, killed.__file__, str(path), str(chunks), moment, str(int(number))]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    done = chunks * 50 if number == signal.SIGINT else (chunks - 1) * 50
    if number == signal.SIGINT:
        assert f"{done} of 300 steps are kept at {path}; go on with resume=True. {done}" in ended.stdout, ended.stderr
    else:
        assert ended.returncode == -number, ended.stderr
    partial = sl.record.load(path)
    assert (partial.steps, partial.is_complete) == (done, False)
    np.testing.assert_array_equal(np.asarray(partial["V"]), whole[1]["V"][: done // 5])
    net, run = killed.go(path, resume=True)
    same(states(net), whole[0])
    same(records(run), whole[1])
    same(records(sl.record.load(path)), whole[1])


def test_a_finished_run_is_not_run_again(tmp_path, whole):
    path = tmp_path / "run.zarr"
    killed.go(path)
    net, run = killed.go(path, resume=True)
    same(states(net), whole[0])
    same(records(run), whole[1])
    with pytest.raises(FileExistsError, match="resume=True"):
        killed.go(path)


@pytest.mark.parametrize("ends", [(12, 13, 30), (10, 30), (4, 5, 30)])
def test_a_finished_run_goes_on_to_a_later_end(tmp_path, whole, ends):
    path = tmp_path / "run.zarr"
    for end in ends:
        net, run = killed.go(path, end * u.ms, resume=True)
        assert run.is_complete
    same(states(net), whole[0])
    same(records(run), whole[1])
    same(records(sl.record.load(path)), whole[1])


def test_a_run_killed_where_it_went_on(tmp_path, whole):
    """The entries of the rest of a chunk are written, and its checkpoint is not."""
    path = tmp_path / "run.zarr"
    killed.go(path, 12 * u.ms)
    command = [sys.executable, killed.__file__, str(path), "0", "entries", str(int(signal.SIGKILL))]
    assert subprocess.run(command, timeout=120, check=False).returncode == -signal.SIGKILL
    assert (sl.record.load(path).steps, sl.record.load(path).is_complete) == (120, False)
    net, run = killed.go(path, resume=True)
    same(states(net), whole[0])
    same(records(run), whole[1])


def test_a_network_that_learns_goes_on(tmp_path):
    """To the bit from the end of a chunk; pending updates are flushed there, and where a run ends within a chunk."""

    def go(name, duration):
        sl.random.seed(1)
        net = sl.nn.init_all_states(sl.networks.BrunelSTDP(200, out_degree=20))
        before = np.asarray(net.E.comm.weight.value.mantissa)
        sl.record.run(net.update, duration, chunk=100, path=tmp_path / name, resume=True)
        return before, states(net)

    sl.environ.set(dt=0.1 * u.ms)
    before, whole = go("whole", 30 * u.ms)
    go("parts", 20 * u.ms)
    same(go("parts", 30 * u.ms)[1], whole)
    go("odd", 13 * u.ms)
    odd = go("odd", 30 * u.ms)[1]
    assert odd.keys() == whole.keys()
    for name, value in odd.items():
        np.testing.assert_allclose(value, whole[name], rtol=1e-6, atol=1e-7, err_msg=name)
    (weight,) = (value for name, value in whole.items() if name.endswith("E.comm.weight"))
    assert np.abs(weight - before).max() > 1e-4


def test_resume_begins_what_is_not_there(tmp_path, whole):
    _, run = killed.go(tmp_path / "run.zarr", resume=True)
    same(records(run), whole[1])


@pytest.fixture
def terminal():
    """Ctrl-C as in a terminal: a process in the background of a script may ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("terminal")
def test_memory_keeps_what_finished_before_ctrl_c(net):
    def step(t):
        net.update(t)

    calls = []
    commit = sl.record._store.Memory.commit

    def press(self, done):
        calls.append(done)
        if done == 20:
            signal.raise_signal(signal.SIGINT)
        commit(self, done)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sl.record._store.Memory, "commit", press)
        with pytest.raises(sl.record.Interrupted, match="20 of 100 steps are kept in memory") as stop:
            sl.record.run(step, 10 * u.ms, record=sl.record.Spikes(net.N), chunk=10)
    assert stop.value.run["spikes"].stop == 2 * u.ms
    assert calls == [10, 20]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_another_model_or_other_arguments_are_refused(net, tmp_path):
    path = tmp_path / "run.zarr"
    sl.record.run(net.update, 2 * u.ms, record=sl.record.Spikes(net.N), path=path)
    for duration, record, message in [
        (2, sl.record.Spikes(net.N, stop=1 * u.ms), r"records = .*\[0, 20\].*; given .*\[0, 10\].*only the duration"),
        (3, [], "records = .*spikes.*; given {}"),
        (1, sl.record.Spikes(net.N), "holds 20 steps already; given a duration of 10 steps"),
    ]:
        with pytest.raises(ValueError, match=message):
            sl.record.run(net.update, duration * u.ms, record=record, path=path, resume=True)
    other = sl.networks.COBANetwork(40, out_degree=5)
    sl.nn.init_all_states(other)
    with pytest.raises(ValueError, match="written by another model: it holds .*45.*, this model has .*40"):
        sl.record.run(other.update, 2 * u.ms, record=sl.record.Spikes(net.N), path=path, resume=True)
    rate = sl.record.Rate(net.N, bin=0.3 * u.ms)
    sl.record.run(net.update, 1 * u.ms, record=rate, path=tmp_path / "odd.zarr")
    with pytest.raises(ValueError, match="ended after 10 steps, within the 3 steps .* a multiple of 0.3 ms"):
        sl.record.run(net.update, 2 * u.ms, record=rate, path=tmp_path / "odd.zarr", resume=True)
    zarr.create_group(tmp_path / "theirs.zarr")
    with pytest.raises(FileExistsError, match="holds no run"):
        sl.record.run(net.update, 2 * u.ms, path=tmp_path / "theirs.zarr", resume=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").touch()
    with pytest.raises(FileExistsError, match="holds no run"):
        sl.record.run(net.update, 2 * u.ms, path=tmp_path / "mine")
    with pytest.raises(FileNotFoundError, match="holds no run"):
        sl.record.load(tmp_path / "mine")


def test_what_a_checkpoint_counts_is_on_the_disk(tmp_path, monkeypatch):
    """Nothing in the folder may wait for the system to write it, when a checkpoint takes its place."""
    path, synced, seen = tmp_path / "run.zarr", set(), []
    fsync, rename = os.fsync, pathlib.Path.replace

    def noted(number):
        fsync(number)
        synced.add(os.fstat(number).st_ino)

    def checked(self, target):
        if target.name == "checkpoint.npz":
            inodes = {file.stat().st_ino: file for file in [path, *path.rglob("*")]}
            assert inodes.keys() <= synced, [file for inode, file in inodes.items() if inode not in synced]
            seen.append(len(inodes))
        synced.discard(self.parent.stat().st_ino)  # the name is new
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", noted)
    monkeypatch.setattr(pathlib.Path, "replace", checked)
    killed.go(path)
    assert len(seen) == 7
    assert seen[-1] > seen[0]


def test_without_zarr_the_error_says_how_to_install(net, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(ImportError, match=r"pip install 'spikeloop\[record\]'"):
        sl.record.run(net.update, 1 * u.ms, path=tmp_path / "run.zarr")
