"""The start of a training from the weights of another model (`train.start_from`)."""

from __future__ import annotations

from deblurgan_tf.cli.terminal import say
from deblurgan_tf.errors import ModelError
from deblurgan_tf.models import files as model_files
from deblurgan_tf.training.state import State


def start_from(name: str, state: State) -> None:
    """Copies the weights of a model's layers into the new generator and its average.

    name: a shipped model, a run or a .keras file. Raises ModelError where there is no
    such model, or where none of its layers fits the generator.
    """
    start = model_files.open_model(model_files.find(name))
    copied = model_files.copy_weights(start, state.generator)
    if not copied:
        raise ModelError(
            f"train.start_from {name}: none of its layers fits this generator; give a "
            "model of the same kind and width"
        )
    state.average.set_weights(state.generator.get_weights())
    count = sum(1 for layer in state.generator.layers if layer.weights)
    say(f"starts from {name}: the weights of {len(copied)} of {count} layers")
