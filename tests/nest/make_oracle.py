"""Write `oracle.npz`: what NEST computes for the cases of the table. Run it in an environment with NEST 3.10:

python tests/nest/make_oracle.py
"""

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "peers"), str(HERE.parent / "helpers")]

import _nest  # noqa: E402
import nest_cases as table  # noqa: E402
from nest_cases import CASES, DT, LATE, POPULATION, RANDOM, RATE_STEPS, RATES, RUN, START, WEIGHTS, kept  # noqa: E402

arrays = {}
for case in CASES:
    ports = [(receptor, sign * w, sign * late) for receptor, sign, w, late in case.ports.values()]
    how = case.trains(), LATE + 1, case.current, case.record, DT, case.loop[1:]
    found = _nest.driven(case.model, case.params, ports, *how)
    print(case.key, len(found["spikes"]), "spikes")
    arrays |= {f"{case.key}/{name}": kept(name, np.asarray(values)) for name, values in found.items()}
    arrays |= {f"{case.model}/default/{name}": value for name, value in _nest.defaults(case.model).items()}
for model, params in RATES.items():
    arrays[f"{model}/rates"] = _nest.rates(model, params, WEIGHTS, START, RATE_STEPS, DT)["rate"]
    arrays |= {f"{model}/default/{name}": value for name, value in _nest.defaults(model).items()}
for model, params in table.COUPLED.items():
    arrays[f"{model}/coupled"] = _nest.rates(model, params, WEIGHTS, START, RATE_STEPS, DT)["rate"]
for model, params in RANDOM.items():
    count = _nest.counts(model, params, POPULATION, RUN, DT)["count"]
    print(model, count.mean(), "spikes in the mean")
    arrays |= {f"{model}/default/{name}": value for name, value in _nest.defaults(model).items()}
    arrays[f"{model}/count"] = np.bincount(count)
arrays["siegert_neuron/rates"] = _nest.mean_field(**table.MEAN_FIELD, steps=RATE_STEPS, dt=DT)["rate"]
found = _nest.astrocyte(**table.ASTROCYTE, dt=DT)
arrays |= {f"astrocyte_lr_1994/{name}": kept(name, values) for name, values in found.items()}
arrays |= {f"lossless/{name}": values for name, values in _nest.kiss(table.KISS, DT).items()}
for model in table.OTHERS:
    arrays |= {f"{model}/default/{name}": value for name, value in _nest.defaults(model).items()}
np.savez_compressed(HERE / "oracle.npz", **arrays)
