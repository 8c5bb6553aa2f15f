"""How much of a figure is drawn on."""

import io

import numpy as np
from matplotlib import pyplot as plt


def picture(ax):
    """The rendered figure as an array (height, width, RGBA)."""
    file = io.BytesIO()
    ax.figure.savefig(file, format="png")
    assert file.getvalue().startswith(b"\x89PNG")
    file.seek(0)
    return plt.imread(file)


def ink(ax):
    """The share of pixels inside `ax` that are neither white nor grey."""
    image = picture(ax)
    box = ax.get_window_extent()
    height = image.shape[0]
    part = image[height - int(box.y1) + 2 : height - int(box.y0) - 2, int(box.x0) + 2 : int(box.x1) - 2, :3]
    return (np.ptp(part, axis=-1) > 0.1).mean()
