"""The simulators by name: the adapter module, imported only in a worker, under that peer's interpreter."""

OURS = "spikeloop"

ADAPTERS: dict[str, str] = {
    OURS: "benches.peers.ours",
    "pure_jax": "benches.peers.pure_jax",
    "brainpy_state": "benches.peers.brainpy_state",
    "brian2_cpp": "benches.peers.brian2_cpp",
    "genn_cpu": "benches.peers.genn_cpu",
}

SINGLE_THREADED = frozenset({"genn_cpu"})
# Peers that live with us in one environment.
SAME_INTERPRETER = frozenset({OURS, "pure_jax"})
