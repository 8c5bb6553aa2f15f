"""Step programs: elementwise functions of a population, traced and lowered to what native code runs."""

from ._show import show as show
