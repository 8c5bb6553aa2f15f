"""Training: an optimiser of States, the loop over batches, losses, metrics and encoders."""

from ._encoders import delta as delta
from ._encoders import latency as latency
from ._encoders import population as population
from ._encoders import rate as rate
from ._eprop import eprop as eprop
from ._fit import Batches as Batches
from ._fit import EarlyStop as EarlyStop
from ._fit import History as History
from ._fit import fit as fit
from ._losses import count_loss as count_loss
from ._losses import latency_cross_entropy as latency_cross_entropy
from ._losses import membrane_cross_entropy as membrane_cross_entropy
from ._losses import rate_cross_entropy as rate_cross_entropy
from ._losses import rate_penalty as rate_penalty
from ._losses import van_rossum as van_rossum
from ._metrics import accuracy as accuracy
from ._metrics import energy as energy
from ._metrics import mean_rate as mean_rate
from ._metrics import saturated_fraction as saturated_fraction
from ._metrics import silent_fraction as silent_fraction
from ._metrics import synaptic_operations as synaptic_operations
from ._optimizer import Optimizer as Optimizer
