"""Equations in text: `Neuron.from_equations` makes a neuron model from them."""

from ._model import Source as Source
from ._model import model as model
