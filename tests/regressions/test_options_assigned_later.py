"""Options and constants that are assigned later are checked like those of the constructor."""

import brainunit as u
import pytest
import spikeloop as sl


class Net(sl.nn.Module):
    def __init__(self):
        super().__init__()
        self.N = sl.LIFRef(3)
        self.rule = sl.plasticity.STDP(w_max=1.0 * u.mS)


@pytest.mark.parametrize(
    ("part", "name", "value", "message"),
    [
        ("N", "spk_reset", "hrad", r"Net.N: spk_reset must be 'soft' or 'hard'; given 'hrad'; did you mean 'hard'?"),
        ("N", "spk_reset", None, r"Net.N: spk_reset must be 'soft' or 'hard'; given None"),
        ("N", "spk_fun", 3, "Net.N: spk_fun must be a surrogate"),
        ("N", "spk_fun", sl.surrogate.ReluGrad, r"write ReluGrad\(\)"),
        ("N", "V_th", 0.0 * u.mV, "Net.N: V_th must differ from V_reset"),
        ("N", "V_reset", float("nan") * u.mV, "Net.N: V_reset holds NaN"),
        ("N", "tau_ref", -1.0 * u.ms, "Net.N: tau_ref must not be negative"),
        ("rule", "pairs", "near", "Net.rule: pairs must be 'all' or 'nearest'; given 'near'; did you mean 'nearest'?"),
        ("rule", "delay_in", "soma", "Net.rule: delay_in must be 'axon' or 'dendrite'; given 'soma'."),
        ("rule", "A_plus", -1.0, "Net.rule: A_plus must not be negative"),
        ("rule", "w_min", 2.0 * u.mS, "Net.rule: w_min must lie below w_max"),
        ("rule", "w_max", None, "Net.rule needs w_max"),
    ],
)
def test_what_is_refused_changes_nothing(part, name, value, message):
    net = Net()
    module = getattr(net, part)
    before = getattr(module, name)
    with pytest.raises((TypeError, ValueError), match=message.replace("?", r"\?")):
        setattr(module, name, value)
    assert getattr(module, name) is before


def test_what_is_right_is_taken():
    net = Net()
    net.N.spk_reset, net.N.V_th, net.rule.pairs = "hard", 2.0 * u.mV, "nearest"
    net.N.spk_fun = abs
    assert (net.N.spk_reset, net.N.V_th, net.rule.pairs) == ("hard", 2.0 * u.mV, "nearest")
    assert isinstance(net.N.spk_fun, sl.surrogate.Surrogate)
