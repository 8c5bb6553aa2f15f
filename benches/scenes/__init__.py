"""The scenes by name. Importing them needs nothing but the standard library."""

from benches.scenes import coba, coba_update, cuba, lif_update, neuron_update
from benches.scenes._spec import DT_MS, Scene, Size, Target

SCENES: dict[str, Scene] = {
    s.name: s for s in (coba.SCENE, cuba.SCENE, lif_update.SCENE, coba_update.SCENE, *neuron_update.SCENES)
}

__all__ = ["DT_MS", "SCENES", "Scene", "Size", "Target"]
