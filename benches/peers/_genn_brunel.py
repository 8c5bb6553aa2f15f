"""The Brunel networks for GeNN, as its users write them: traces per neuron, the delay in the axon."""

from __future__ import annotations

from importlib import import_module
from math import exp
from typing import Any

from benches.scenes import DT_MS
from benches.scenes.brunel import Brunel
from benches.scenes.brunel_stdp import BrunelSTDP

genn = import_module("pygenn")

# A count of Poisson by Knuth's product of uniform numbers, as in GeNN's own current source. Refractory in steps.
SIM_CODE = """
if (stepsLeft <= 0.0) {
    int arrivals = 0;
    for (scalar product = gennrand_uniform(); product > expMinusMean; product *= gennrand_uniform()) arrivals++;
    V = decay * V + Isyn + J * arrivals;
}
else {
    stepsLeft -= 1.0;
}"""
NEURON = genn.create_neuron_model(
    "Brunel", params=["decay", "J", "expMinusMean", "Vthresh", "Vreset", "refractorySteps"],
    vars=[("V", "scalar"), ("stepsLeft", "scalar"), ("nSpk", "scalar")], sim_code=SIM_CODE,
    threshold_condition_code="stepsLeft <= 0.0 && V > Vthresh",
    reset_code="V = Vreset; stepsLeft = refractorySteps; nSpk += 1.0;", auto_refractory_required=False,
)  # fmt: skip
STDP = genn.create_weight_update_model(
    "AdditiveSTDP", params=["aPlus", "aMinus", "wMax", "traceDecay"], vars=[("g", "scalar")],
    pre_vars=[("preTrace", "scalar")], post_vars=[("postTrace", "scalar")],
    pre_spike_syn_code="g = fmax(0.0, g - (aMinus * postTrace)); addToPost(g);",
    post_spike_syn_code="g = fmin(wMax, g + (aPlus * preTrace));",
    pre_spike_code="preTrace += 1.0;", pre_dynamics_code="preTrace *= traceDecay;",
    post_spike_code="postTrace += 1.0;", post_dynamics_code="postTrace *= traceDecay;",
)  # fmt: skip


def populate(model: Any, p: Brunel, n: int) -> dict[str, Any]:
    """Add the populations "E" and "I" and their synapses; returns the populations."""
    values = {
        "decay": exp(-DT_MS / p.tau), "J": p.J, "expMinusMean": exp(-p.external_rate * DT_MS * 1e-3),
        "Vthresh": p.V_th, "Vreset": p.V_reset, "refractorySteps": round(p.t_ref / DT_MS),
    }  # fmt: skip
    start = {"V": genn.init_var("Uniform", {"min": 0.0, "max": p.V_th}), "stepsLeft": 0.0, "nSpk": 0.0}
    sizes = {"E": p.n_exc(n), "I": n - p.n_exc(n)}
    populations = {k: model.add_neuron_population(k, size, NEURON, values, start) for k, size in sizes.items()}
    sources = {"E": (p.excitatory_inputs, p.J), "I": (p.inhibitory_inputs, -p.g * p.J)}
    for pre, (inputs, weight) in sources.items():
        for post in sizes:
            synapses = model.add_synapse_population(
                pre + post, "SPARSE", populations[pre], populations[post], update(p, pre + post, weight),
                genn.init_postsynaptic("DeltaCurr"),
                genn.init_sparse_connectivity("FixedNumberPreWithReplacement", {"num": inputs}),
            )  # fmt: skip
            synapses.axonal_delay_steps = round(p.delay / DT_MS) - 1  # one step passes without it
    return populations


def update(p: Brunel, name: str, weight: float) -> Any:
    if not isinstance(p, BrunelSTDP) or name != "EE":
        return genn.init_weight_update("StaticPulseConstantWeight", {"g": weight})
    step = p.rate * p.w_max
    values = {"aPlus": step, "aMinus": p.asymmetry * step, "wMax": p.w_max, "traceDecay": exp(-DT_MS / p.tau_stdp)}
    return genn.init_weight_update(STDP, values, {"g": weight}, {"preTrace": 0.0}, {"postTrace": 0.0})
