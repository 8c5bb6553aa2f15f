"""What the benchmark scenes say of the package."""

import importlib
from pathlib import Path

import pytest
import spikeloop as sl


@pytest.fixture
def scenes(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1]))
    return importlib.import_module("benches.scenes")


def test_every_neuron_model_has_an_update_scene(scenes):
    neurons = {x for x in vars(sl).values() if isinstance(x, type) and issubclass(x, sl.Neuron) and x is not sl.Neuron}
    by_hand = {"LIF"}
    names = {cls.__name__ for cls in neurons if not cls.__name__.endswith("Ref")} - by_hand
    assert {f"{name.lower()}_update" for name in names} <= set(scenes.SCENES)
    assert set(importlib.import_module("benches.scenes.neuron_update").MODELS) == names
