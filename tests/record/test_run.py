import brainunit as u
import numpy as np
import pytest
import spikeloop as sl


def test_chunks_do_not_matter(net, dense):
    start = sl.nn.save_states(net)
    for chunk in (1000, 400, 150):
        sl.nn.load_states(net, start)
        found = sl.record.run(net.update, 40 * u.ms, record=[sl.record.Spikes(net.N)], chunk=chunk)
        np.testing.assert_array_equal(found["spikes"].to_array(), dense[0] > 0)
        assert found.is_complete
        assert (found.steps, found.duration) == (400, 40 * u.ms)


def test_compiles_once_and_once_more_for_the_rest(net, compiles):
    record = [sl.record.Spikes(net.N), sl.record.States(net.N, "V", every=1 * u.ms)]
    sl.record.run(net.update, 1 * u.ms, record=record)  # small things that JAX compiles once a process
    sl.record.run(net.update, 3 * u.ms, record=record, chunk=10)
    compiles()
    sl.transform.clear_caches()
    sl.record.run(net.update, 10 * u.ms, record=record, chunk=20)
    assert compiles() == 1
    sl.record.run(net.update, 9 * u.ms, record=record, chunk=20)
    assert compiles() == 1
    sl.record.run(net.update, 9 * u.ms, record=record, chunk=20)
    assert compiles() == 0


def test_t_and_i_go_on_over_chunks(net):
    net.seen = sl.State(np.zeros((), np.float32))
    net.number = sl.State(np.zeros((), np.int32))

    def step(t):
        net.seen.value = t.to_decimal(u.ms) + 0 * sl.environ.get("t").to_decimal(u.ms)
        net.number.value = sl.environ.get("i")

    sl.record.run(step, 2 * u.ms, t0=10 * u.ms, chunk=7)
    assert net.seen.value == pytest.approx(11.9)
    assert net.number.value == 119  # i counts from t0/dt


def test_one_bar_for_all_chunks(net, capsys):
    sl.record.run(net.update, 4 * u.ms, chunk=10, pbar=sl.transform.ProgressBar(desc="Network"))
    shown = capsys.readouterr().err
    assert "40/40" in shown
    assert shown.count("Network: 100%") == 1


def test_names_of_records(net):
    record = [sl.record.Spikes(net.N), sl.record.States(net.N, "V"), sl.record.Rate(net.N)]
    assert list(sl.record.run(net.update, 1 * u.ms, record=record)) == ["spikes", "V", "rate"]
    with pytest.raises(ValueError, match="two recorders are called 'spikes'; give a dict"):
        sl.record.run(net.update, 1 * u.ms, record=[record[0], record[0]])
    with pytest.raises(KeyError, match="no record 'v'; there are V"):
        sl.record.run(net.update, 1 * u.ms, record=record[1])["v"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"duration": 0.15 * u.ms}, ValueError, "duration of 0.15 ms is no multiple of dt"),
        ({"duration": 3}, TypeError, "duration needs a time"),
        ({"chunk": 0}, ValueError, "chunk must be a number of steps"),
        ({"record": 3}, TypeError, "int"),
        ({"record": {"a b": None}}, TypeError, "recorders such as"),
        ({"resume": True}, ValueError, "needs the path"),
    ],
)
def test_mistakes(net, options, error, message):
    with pytest.raises(error, match=message):
        sl.record.run(net.update, **{"duration": 1 * u.ms, **options})


def test_an_error_in_a_chunk_keeps_the_states_of_the_last_one(net):
    def step(t):
        net.update(t)
        raise ZeroDivisionError

    before = np.asarray(net.N.V.value.mantissa)
    with pytest.raises(ZeroDivisionError):
        sl.record.run(step, 1 * u.ms)
    np.testing.assert_array_equal(before, net.N.V.value.mantissa)


def test_a_run_of_no_steps(net):
    found = sl.record.run(net.update, 0 * u.ms, record=sl.record.Spikes(net.N))["spikes"]
    assert (found.size, len(found), found.duration) == (45, 0, 0 * u.ms)
