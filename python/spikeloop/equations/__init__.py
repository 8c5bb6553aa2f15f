"""Equations in text: `Neuron.from_equations` makes a neuron model from them."""

from ._model import from_equations as from_equations
