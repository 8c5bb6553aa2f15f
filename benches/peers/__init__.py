"""The simulators by name: the adapter module, imported only in a worker, under that peer's interpreter."""

OURS = "spikeloop"

ADAPTERS: dict[str, str] = {
    OURS: "benches.peers.ours",
    "pure_jax": "benches.peers.pure_jax",
    "reference": "benches.peers.reference",
    "brainpy_state": "benches.peers.brainpy_state",
    "brian2_cpp": "benches.peers.brian2_cpp",
    "nest": "benches.peers.nest",
    "genn_cpu": "benches.peers.genn_cpu",
    "genn_lif": "benches.peers.genn_lif",
}

SINGLE_THREADED = frozenset({"genn_cpu", "genn_lif"})
# Shown, but never the "best" peer of a target: it integrates another way than everyone else.
OTHER_SCHEME = frozenset({"genn_lif"})
# Peers that live with us in one environment.
SAME_INTERPRETER = frozenset({OURS, "pure_jax", "reference"})
