"""Run in an environment with snnTorch and Norse: what they compute from a file of NIR."""

import nir
import norse.torch
import numpy as np
import torch
from snntorch.import_nir import import_from_nir


def outputs(path, x, library):
    """The outputs of all steps for the input `x`, step by step."""
    graph = nir.read(path)
    net = import_from_nir(graph) if library == "snntorch" else norse.torch.from_nir(graph)
    state, results = None, []
    with torch.no_grad():
        for now in torch.tensor(np.asarray(x), dtype=torch.float32):
            y, state = net(now, state)
            results.append(y.numpy())
    return {"y": np.stack(results)}
