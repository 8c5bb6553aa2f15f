"""Programs for readers: in words, and as PTX."""

import brainunit as u
import pytest
import spikeloop as sl


@pytest.fixture
def neurons(native):
    sl.environ.set(dt=0.1 * u.ms, precision=32)
    return sl.nn.init_all_states(sl.LIF(3))


def test_the_ptx_of_a_step_begins_with_its_operands(neurons, capsys):
    sl.kernels.show(neurons, form="ptx")
    first, second, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith("// LIF: in0 V_rest, in1 V_th, ")
    assert second == "// out0 V, out1 last spike"
    assert rest[:3] == [".version 8.0", ".target sm_80", ".address_size 64"]
    assert rest.count(".visible .entry program(") == 1


def test_sums_of_a_gradient_are_named(neurons, capsys):
    current = sl.ParamState(1.0)
    run = sl.transform.grad(lambda: neurons(current.value * u.mA).sum(), current)
    sl.kernels.show(run, form="ptx")
    printed = capsys.readouterr().out
    assert "sum0 d " in printed
    assert ".visible .entry program_total(" in printed


def test_another_form_is_refused(neurons):
    with pytest.raises(ValueError, match="form is one of 'program', 'ptx'; given 'sass'"):
        sl.kernels.show(neurons, form="sass")
