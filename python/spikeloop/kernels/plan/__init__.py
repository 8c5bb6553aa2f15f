"""The plan of a step and of a loop: which native calls run as one, and what they keep from step to step."""

from ._loop import has_step as has_step
from ._loop import scan as scan
from ._show import describe as describe
from ._step import as_step as as_step
from ._step import step_p as step_p
