"""All layouts of number plates, and the choice of one at random."""

import functools

import numpy as np

from deblurgan_tf.data.plates import america, europe, vietnam
from deblurgan_tf.data.plates.spec import Layout, Plate

LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layouts in (vietnam.LAYOUTS, europe.LAYOUTS, america.LAYOUTS)
    for layout in layouts
}
# How often each family is chosen where the shape of the frame suits all of them alike.
FAMILIES: dict[str, float] = {"vietnam": 0.36, "europe": 0.32, "america": 0.32}


@functools.lru_cache(maxsize=64)
def _chances(aspect: float) -> np.ndarray:
    """Probability of each layout in a frame of `aspect`, in the order of `LAYOUTS`."""
    layouts = list(LAYOUTS.values())
    total = {
        f: sum(layout.share for layout in layouts if layout.family == f)
        for f in FAMILIES
    }
    weights = []
    for layout in layouts:
        # The part of the frame that the plate can cover. A plate that fits badly is
        # rarer but never excluded: detectors cut such frames too.
        cover = min(aspect / layout.aspect, layout.aspect / aspect)
        weights.append(
            FAMILIES[layout.family]
            * layout.share
            / total[layout.family]
            * max(cover, 0.2)
        )
    chances = np.array(weights)
    return chances / chances.sum()


def sample_plate(rng: np.random.Generator, frame_aspect: float) -> Plate:
    """A random plate for a frame; frame_aspect: its width / height, above 0."""
    layouts = list(LAYOUTS.values())
    index = rng.choice(len(layouts), p=_chances(round(frame_aspect, 3)))
    return layouts[int(index)].make(rng)
