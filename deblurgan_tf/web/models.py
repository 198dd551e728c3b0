"""The models that a visitor can choose from, each loaded when it is first used."""

from __future__ import annotations

from pathlib import Path

from deblurgan_tf.errors import UsageError
from deblurgan_tf.inference.restorer import Restorer, load
from deblurgan_tf.models import files as model_files


class Models:
    """The model that the page was started with, and the shipped ones.

    Visitors see names only, not the paths of the server. All visitors share the models,
    which do not change when they are used.
    """

    def __init__(self, model: str) -> None:
        """Loads `model`, see `restorer.load`. Raises ModelError where that fails."""
        self.default = Path(model).name or model
        self._sources = {name: name for name in model_files.shipped()}
        self._sources[self.default] = model
        self._loaded = {self.default: load(model)}

    @property
    def names(self) -> list[str]:
        """The default first, then the others by name."""
        return sorted(self._sources, key=lambda name: (name != self.default, name))

    def restorer(self, name: str) -> Restorer:
        """The model of that name, loaded at its first use.

        Raises UsageError for a name that is not in `names`, and ModelError for a file
        that cannot be loaded.
        """
        if name not in self._sources:
            raise UsageError(f"model {name}: is not one of {', '.join(self.names)}")
        if name not in self._loaded:
            self._loaded[name] = load(self._sources[name])
        return self._loaded[name]
