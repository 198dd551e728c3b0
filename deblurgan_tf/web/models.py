"""The models that a visitor can choose from, each loaded when it is first used."""

from __future__ import annotations

from pathlib import Path

from deblurgan_tf.errors import UsageError
from deblurgan_tf.inference.restorer import Restorer, load
from deblurgan_tf.storage import model_names
from deblurgan_tf.storage.resources import AUTO_MODEL

EXPLAINED = {
    AUTO_MODEL: "chosen by the picture",
    "photos": "any picture",
    "plates": "close-ups of number plates",
    "plates_quick": "number plates, fast and less sharp",
}
"""What each name means, for visitors."""
OWN = "the one that this page was started with"


class Models:
    """The model that the page was started with, the shipped ones, and `auto`.

    Visitors see names only, not the paths of the server. All visitors share the models,
    which do not change when they are used.
    """

    def __init__(self, model: str) -> None:
        """Loads `model`, see `restorer.load`. Raises ModelError where that fails."""
        self._sources = {name: name for name in model_names.shipped()}
        self.default = AUTO_MODEL
        if model != AUTO_MODEL:
            self.default = Path(model).name or model
            self._sources[self.default] = model
        first = self.chosen(self.default)
        self._loaded = {first: load(self._sources[first])}

    @property
    def names(self) -> list[str]:
        """The default first, then `auto`, then the others by name."""
        others = sorted({AUTO_MODEL, *self._sources} - {self.default, AUTO_MODEL})
        return list(dict.fromkeys([self.default, AUTO_MODEL, *others]))

    @property
    def choices(self) -> list[tuple[str, str]]:
        """(what a visitor reads, the name) of each model, in the order of `names`."""
        return [(f"{name}: {EXPLAINED.get(name, OWN)}", name) for name in self.names]

    def chosen(self, name: str, own: str | None = None) -> str:
        """The model that restores: where `name` is `auto`, that of the picture.

        own: the model of a sample, which knows what it shows; None for other pictures.
        """
        return own if own and name == AUTO_MODEL else model_names.chosen(name)

    def restorer(self, name: str) -> Restorer:
        """The model of that name, loaded at its first use.

        Raises UsageError for a name that is not in `names`, or is `auto`, and
        ModelError for a file that cannot be loaded.
        """
        if name not in self._sources:
            raise UsageError(f"model {name}: is not one of {', '.join(self.names)}")
        if name not in self._loaded:
            self._loaded[name] = load(self._sources[name])
        return self._loaded[name]
