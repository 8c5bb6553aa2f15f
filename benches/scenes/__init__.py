"""The scenes by name. Importing them needs nothing but the standard library."""

from benches.scenes import brunel, brunel_stdp, coba, coba_update, cobahh, cuba, lif_update, neuron_update, pd14
from benches.scenes._spec import DT_MS, Scene, Size, Target

_NETWORKS = (coba.SCENE, cuba.SCENE, cobahh.SCENE, brunel.SCENE, brunel_stdp.SCENE, pd14.SCENE)
_UPDATES = (lif_update.SCENE, coba_update.SCENE, *neuron_update.SCENES)
SCENES: dict[str, Scene] = {scene.name: scene for scene in (*_NETWORKS, *_UPDATES)}

__all__ = ["DT_MS", "SCENES", "Scene", "Size", "Target"]
