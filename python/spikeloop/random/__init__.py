"""Random numbers, drawn from States that hold a JAX key; the functions here draw from `DEFAULT`."""

from ._default import DEFAULT as DEFAULT
from ._default import clone_rng as clone_rng
from ._default import default_rng as default_rng
from ._default import seed as seed
from ._default import seed_context as seed_context
from ._draw import RandomState as RandomState

rand = DEFAULT.rand
randn = DEFAULT.randn
random = DEFAULT.random
standard_normal = DEFAULT.standard_normal
uniform = DEFAULT.uniform
normal = DEFAULT.normal
laplace = DEFAULT.laplace
logistic = DEFAULT.logistic
gumbel = DEFAULT.gumbel
truncated_normal = DEFAULT.truncated_normal
exponential = DEFAULT.exponential
gamma = DEFAULT.gamma
weibull_min = DEFAULT.weibull_min
beta = DEFAULT.beta
lognormal = DEFAULT.lognormal
poisson = DEFAULT.poisson
bernoulli = DEFAULT.bernoulli
binomial = DEFAULT.binomial
geometric = DEFAULT.geometric
randint = DEFAULT.randint
choice = DEFAULT.choice
categorical = DEFAULT.categorical
permutation = DEFAULT.permutation
shuffle = DEFAULT.shuffle
rand_like = DEFAULT.rand_like
randn_like = DEFAULT.randn_like
randint_like = DEFAULT.randint_like
get_key = DEFAULT.get_key
set_key = DEFAULT.set_key
split_key = DEFAULT.split_key
split_keys = DEFAULT.split_keys
restore_key = DEFAULT.restore_key
