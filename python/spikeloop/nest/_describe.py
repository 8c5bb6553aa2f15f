"""The table of constants, States and ports in the docstring of a model, made from its declarations."""

from __future__ import annotations

import inspect
from typing import Any

import brainunit as u

from ._lists import ParamList

MEANINGS = {
    "C_m": "capacitance of the membrane", "tau_m": "time constant of the membrane", "g_L": "leak conductance",
    "E_L": "resting potential", "E_ex": "excitatory reversal potential", "E_in": "inhibitory reversal potential",
    "V_th": "threshold", "V_reset": "reset potential", "V_peak": "potential at which a spike is counted",
    "V_min": "lowest potential", "t_ref": "refractory period", "I_e": "constant input current",
    "tau_syn_ex": "time constant of the excitatory synapses", "tau_syn_in": "time constant of the inhibitory synapses",
    "tau_syn": "time constant of the synapses of each port", "E_rev": "reversal potential of each port",
    "tau_rise": "rise time constant of each port", "tau_decay": "decay time constant of each port",
    "tau_rise_ex": "rise time constant of g_ex", "tau_rise_in": "rise time constant of g_in",
    "tau_decay_ex": "decay time constant of g_ex", "tau_decay_in": "decay time constant of g_in",
    "Delta_T": "slope of the exponential upswing", "a": "coupling of the adaptation to the potential",
    "b": "jump of the adaptation at a spike", "tau_w": "time constant of w",
    "E_Na": "sodium reversal potential", "E_K": "potassium reversal potential",
    "g_Na": "sodium conductance", "g_K": "potassium conductance", "V_T": "offset of the potential in the gates",
    "t_ref_abs": "absolute refractory period", "t_ref_tot": "total refractory period",
    "E_sfa": "reversal potential of g_sfa", "E_rr": "reversal potential of g_rr",
    "q_sfa": "jump of the spike-frequency adaptation", "q_rr": "jump of g_rr at a spike",
    "tau_sfa": "time constant of the spike-frequency adaptation", "tau_rr": "time constant of g_rr",
    "q_stc": "jump of each spike-triggered current", "tau_stc": "time constant of each spike-triggered current",
    "lambda_0": "rate of spikes at threshold", "Delta_V": "width of the escape noise",
    "V_T_star": "threshold at rest", "omega": "threshold at rest", "tau_1": "time constant of V_th_alpha_1",
    "tau_2": "time constant of V_th_alpha_2", "alpha_1": "jump of V_th_alpha_1 at a spike",
    "alpha_2": "jump of V_th_alpha_2 at a spike", "beta": "coupling of the threshold to the potential",
    "tau_v": "time constant of V_th_v", "dead_time": "dead time after a spike",
    "c_2": "factor of its exponential part",
    "c_3": "slope of its exponential part", "g": "leak conductance", "g_m": "leak conductance",
    "th_spike_add": "jump of threshold_spike at a spike", "th_spike_decay": "rate of decay of threshold_spike",
    "voltage_reset_fraction": "factor of the potential in the reset", "voltage_reset_add": "summand in the reset",
    "th_voltage_index": "coupling of threshold_voltage to the potential",
    "th_voltage_decay": "rate of decay of threshold_voltage",
    "asc_decay": "rate of decay of each after-spike current", "asc_amps": "jump of each after-spike current",
    "asc_r": "factor of each after-spike current at a spike",
    "tau_epsp": "time constant of V_syn", "tau_reset": "time constant of V_spike",
    "V_epsp": "peak of V_syn after a spike of weight 1",
    **{f"g_peak_{k}": f"peak of g_{k} after a spike of weight 1" for k in ("AMPA", "NMDA", "GABA_A", "GABA_B")},
    **{f"tau_rise_{k}": f"rise time constant of g_{k}" for k in ("AMPA", "NMDA", "GABA_A", "GABA_B")},
    **{f"tau_decay_{k}": f"decay time constant of g_{k}" for k in ("AMPA", "NMDA", "GABA_A", "GABA_B")},
    **{f"g_peak_{k}": f"largest conductance of the current {k}" for k in ("NaP", "KNa", "T", "h")},
    **{f"E_rev_{k}": f"reversal potential of {k}"
       for k in ("AMPA", "NMDA", "GABA_A", "GABA_B", "NaP", "KNa", "T", "h")},
    "V_act_NMDA": "potential at which half of the NMDA channels are free of magnesium",
    "S_act_NMDA": "slope of the release from magnesium", "tau_Mg_slow_NMDA": "slow time constant of the release",
    "tau_Mg_fast_NMDA": "fast time constant of the release",
    "g_NaL": "sodium leak conductance", "g_KL": "potassium leak conductance", "theta_eq": "threshold at rest",
    "tau_theta": "time constant of the threshold", "tau_spike": "time constant of V_m after a spike",
    "N_NaP": "exponent of the gate of NaP", "N_T": "exponent of the gate of T", "tau_D_KNa": "time constant of D_IKNa",
    "g_ahp": "peak of G_ahp after a spike", "tau_ahp": "time constant of G_ahp", "E_ahp": "reversal potential of G_ahp",
    "lambda_": "passive decay", "sigma": "strength of the noise, or width of the function",
    "mu": "constant input, or centre of the function",
    "mean": "constant input", "std": "strength of the noise",
    "rectify_rate": "lowest rate, with rectify_output=True", "theta": "threshold", "tau": "time constant of the rate",
    "c_1": "slope of the linear part of the gain, or of the rate of spikes", "rate": "rate of spikes",
    "phase": "part of the period before the first spike", "tau_syn_fast": "time constant of the fast part of each port",
    "tau_syn_slow": "time constant of the slow part of each port", "amp_slow": "peak of the slow part of each port",
    "U": "jump of u at a spike, as a part of what is left", "tau_fac": "time constant of u",
    "tau_psc": "time constant of y", "tau_rec": "time constant of the recovery of x",
    "tau_AMPA": "time constant of s_AMPA", "tau_GABA": "time constant of s_GABA",
    "conc_Mg2": "concentration of magnesium in mM", "g_Kv1": "conductance of the potassium channels Kv1",
    "g_Kv3": "conductance of the potassium channels Kv3", "g_sp": "conductance between soma and proximal dendrite",
    "g_pd": "conductance between proximal and distal dendrite",
    "g_ex": "factor of excitation, with mult_coupling", "g_in": "factor of inhibition, with mult_coupling",
    "theta_ex": "rate at which excitation has no effect", "theta_in": "the same of inhibition, with the other sign",
    "Ca_tot": "calcium of the cell, as if all were in the cytosol", "IP3_0": "IP3 at rest",
    "Kd_IP3_1": "dissociation constant of IP3 and its receptor", "delta_IP3": "jump of IP3 at a spike of weight 1",
    "Kd_IP3_2": "the same of an inactivated receptor", "Kd_act": "dissociation constant of calcium, activation",
    "Kd_inh": "dissociation constant of calcium, inhibition", "Km_SERCA": "calcium at which the pump is half active",
    "SIC_scale": "factor of what is sent", "SIC_th": "calcium above which a slow inward current is sent",
    "k_IP3R": "rate of the inhibition of the receptor by calcium", "rate_IP3R": "maximal rate of release by IP3",
    "rate_L": "rate of the leak from the endoplasmic reticulum", "rate_SERCA": "maximal rate of the pump",
    "ratio_ER_cyt": "volume of the endoplasmic reticulum by that of the cytosol", "tau_IP3": "time constant of IP3",
}  # fmt: skip


def described(cls: Any) -> str:
    """The docstring of a model with the table of its constants, States and ports."""
    text = inspect.cleandoc(cls.__doc__ or "")
    rows = ["| constant | meaning | unit | default |", "|---|---|---|---|"]
    rows += [_row(name, param.default, param.unit) for name, param in cls.params.items()]
    rows += [_row(name, x.default, x.unit) for name, x in cls.lists.items() if isinstance(x, ParamList)]
    states = [f"`{name}`" for name in cls.state_vars]
    listed = [f"`{name}_1`, …" for name, x in cls.lists.items() if not isinstance(x, ParamList)]
    lines = ["States: " + ", ".join([*states, *listed]) + "."] if [*states, *listed] else []
    if cls.port_list is not None:
        _, port = cls.port_list
        lines.append(f"Ports 1, 2, …: weights in {port.unit} that add to `{port.state}_1`, `{port.state}_2`, …")
    for name, port in cls.ports.items():
        into = "" if port.unit.is_unitless else f" in {port.unit}"
        lines.append(f"Port `{name}`: weights{into} that add to `{port.state}`.")
    head, *examples = text.split("\n>>> ", 1)
    tail = [f"\n>>> {examples[0]}"] if examples else []
    return "\n".join([head.rstrip(), "", *rows, "", "\\\n".join(lines), *tail])


def _row(name: str, default: Any, unit: Any) -> str:
    shown = "" if unit.is_unitless else str(unit)
    values = ", ".join(map(_number, default)) if isinstance(default, tuple) else _number(default)
    value = f"[{values}]" if isinstance(default, tuple) else values
    return f"| `{name}` | {MEANINGS.get(name, '')} | {shown} | {value} |"


def _number(value: Any) -> str:
    number = value.mantissa if isinstance(value, u.Quantity) else value
    return f"{float(number):g}".replace("-", "−")


def signature(cls: Any) -> inspect.Signature:
    """The signature of the constructor, with the lists of a model behind its constants."""
    known = [*cls._form.parameters.values()]
    lists = [
        inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=declared.default)
        for name, declared in cls.lists.items()
        if isinstance(declared, ParamList)
    ]
    at = 1 + len(cls.params)
    return inspect.Signature([*known[:at], *lists, *known[at:]])
