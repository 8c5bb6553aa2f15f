"""Names and places that synapses in text took for others."""

import brainunit as u
import numpy as np
import pytest
import spikeloop as sl

HALF = {"model": "w : nS", "on_pre": "g_post += w/2"}


def test_a_constant_that_ends_in_post_is_no_value_of_the_target():
    rule = sl.Synapse.from_equations("w : mV\ndy/dt = -y/tau_post : 1", on_post="y += 1", on_pre="w -= A*y",
                                     tau_post=30 * u.ms, A=0.1 * u.mV)  # fmt: skip
    assert rule.text.of_target == ()  # was tau of the target
    assert rule().tau_post == 30 * u.ms


def test_a_name_for_a_random_number():
    sl.environ.set(dt=0.1 * u.ms)
    model = sl.Neuron.from_equations("dv/dt = (a - v)/tau : 1\na = rand() : 1", threshold="v > 2", tau=0.05 * u.ms)
    neurons = sl.nn.init_all_states(model(50))  # was an AttributeError
    neurons()
    assert len(np.unique(neurons.V.value)) > 40


def current(rule, **options):
    """The conductance that a spike brings to the target."""
    sl.environ.set(dt=0.1 * u.ms)
    post = sl.LIF(1, R=1 * u.Gohm)
    projection = sl.CurrentProj(comm=sl.connect.AllToAll(4.0 * u.nS), pre=1, post=post, out=sl.COBA.desc(E=0 * u.mV),
                                plasticity=rule, **options)  # fmt: skip
    net = sl.nn.Module()
    net.parts = [post, projection]
    sl.nn.init_all_states(net)
    projection(np.ones(1))
    return projection.current.received


def test_a_current_projection_delivers_what_the_text_says():
    assert current(sl.Synapse.from_equations(**HALF)()) == 2.0 * u.nS  # was the weight
    summed = sl.Synapse.from_equations("w : nS\ng_post = w*x : nS (summed)\nx : 1", on_pre="x += 0.25")
    assert current(summed()) == 1.0 * u.nS


def test_a_delivery_that_other_parts_would_pass_by_is_refused():
    with pytest.raises(ValueError, match="so it is the last one of plasticity"):
        current([sl.Synapse.from_equations(**HALF)(), sl.plasticity.HomeostaticScaling(w_max=9.0 * u.nS)])
