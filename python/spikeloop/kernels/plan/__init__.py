"""The plan of a step: which native calls run as one."""

from ._show import describe as describe
from ._step import as_step as as_step
from ._step import step_p as step_p
