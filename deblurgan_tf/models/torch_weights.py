"""The authors' PyTorch weights as a Keras model: what `convert` carries over.

It takes state dicts of KupynOrest/DeblurGAN's ResNet generator: the paper's, with two
convolutions a block, and the later code's, with one; any width and number of blocks.
The file is read without running code from it. Needs the extra `torch`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import keras
import numpy as np

from deblurgan_tf.errors import MissingExtra, ModelError
from deblurgan_tf.models import archives
from deblurgan_tf.models.deblurgan import resnet_generator
from deblurgan_tf.storage.installation import install_command

if TYPE_CHECKING:
    import torch

DROPOUT = 0.5  # the authors' rate
# Kept by the later code's InstanceNorm2d, which the authors never used: they restored
# without eval(), by the statistics of the picture itself.
_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


class Layout(NamedTuple):
    """The network, as far as the names and shapes of the weights show it.

    dropout: whether the blocks have dropout; None where the names do not show it.
    """

    width: int
    blocks: int
    convolutions: int
    dropout: bool | None


def convert(path: Path, dropout: bool = True) -> keras.Model:
    """The generator of a PyTorch state dict: restores as the authors' without dropout.

    It adds the network's output to its input, as the paper and the authors'
    --learn_residual do; the weights do not show whether they were trained so.

    Args:
        path: the file, a state dict or a checkpoint that has exactly one in it.
        dropout: whether it was trained with dropout, the authors' default. It matters
            for one convolution a block: there their code leaves out the ReLU together
            with the dropout, and the file does not show it. Where the file shows it,
            `dropout` must agree.

    Raises:
        ModelError: the file is missing, damaged, would run code or holds another
            network.
        MissingExtra: PyTorch is not installed.
    """
    state = read_state(path)
    try:
        layout, names = _layout(state)
        if layout.dropout and not dropout:
            raise ModelError("its blocks have dropout; leave out --no-dropout")
        # The first weights alone tell the width: the others may be much fewer. A
        # network of nearly this width is named by the weights that do not fit.
        most = 1_000_000 + 2 * sum(x.size for x in state.values())
        with archives.at_most(most, path):
            generator = _generator(layout, layout.dropout is not False and dropout)
        _fill(generator, state, names)
    except ModelError as error:
        text = str(error).removeprefix(f"{path}: ")
        raise ModelError(f"{path}: {text}") from None
    return generator


def read_state(path: Path) -> dict[str, np.ndarray]:
    """Names -> float32 weights, without the running statistics and `module.`.

    Reads with PyTorch's weights_only, which builds tensors and plain containers and
    refuses everything else. Raises ModelError and MissingExtra as `convert` does.
    """
    try:
        import torch
    except ImportError:
        raise MissingExtra(
            f"{path}: reading PyTorch weights needs PyTorch; install it with "
            f"{install_command('torch')}"
        ) from None
    if not path.is_file():
        raise ModelError(f"{path}: is no file")
    archives.check_size_of_zip(path)
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    # Damaged archives and pickles raise errors of every kind.
    except Exception as error:
        raise ModelError(
            f"{path}: holds no weights that can be read without running code "
            f"({type(error).__name__}). It is damaged, or a whole network was saved: "
            "save its state_dict() with torch.save"
        ) from error
    if not _is_state(loaded) and isinstance(loaded, dict):
        # A checkpoint: the weights lie beside the optimiser's and others.
        states = [value for value in loaded.values() if _is_state(value)]
        loaded = states[0] if len(states) == 1 else None
    if not _is_state(loaded):
        raise ModelError(f"{path}: is no state dict, nor has exactly one in it")
    state = {}
    for name, tensor in loaded.items():
        short = name.removeprefix("module.")
        if short.rpartition(".")[2] not in _STATISTICS:
            _check_plain(path, name, tensor)
            state[short] = tensor.detach().to(torch.float32).numpy()
    return state


def _check_plain(path: Path, name: str, tensor: torch.Tensor) -> None:
    """Raises ModelError for a tensor without a number in the file for each weight."""
    import torch

    strange = {
        "sparse": tensor.layout != torch.strided or tensor.is_nested,
        "on the device meta, without values": tensor.is_meta,
        "quantised": tensor.is_quantized,
        "complex": tensor.is_complex(),
    }
    what = next((what for what, is_so in strange.items() if is_so), None)
    # One number may be stretched to a tensor of any size.
    if what is None and tensor.nbytes > tensor.untyped_storage().nbytes():
        what = "larger than its numbers in the file"
    if what is not None:
        raise ModelError(
            f"{path}: {name} is {what}; save dense weights of ordinary numbers: "
            "torch.save({name: x.to_dense().float().contiguous() for ...})"
        )


def _is_state(value: Any) -> bool:
    import torch

    return (
        isinstance(value, dict)
        and bool(value)
        and all(
            isinstance(name, str) and isinstance(tensor, torch.Tensor)
            for name, tensor in value.items()
        )
    )


def _layout(state: dict[str, np.ndarray]) -> tuple[Layout, list[str]]:
    """The layout, and the names of the convolutions from input to output."""
    if any(name.endswith(".weight") and state[name].ndim == 1 for name in state):
        raise ModelError(
            "its normalisation has weights (BatchNorm, or InstanceNorm with affine); "
            "only the authors' default, --norm instance, can be carried over"
        )
    inner = sorted(
        tuple(map(int, found.groups()))
        for name in state
        if (found := re.fullmatch(r"model\.(\d+)\.conv_block\.(\d+)\.weight", name))
    )
    rows = sorted({row for row, _ in inner})
    places = {tuple(place for row, place in inner if row == each) for each in rows}
    kinds = {(): (2, None), (1,): (1, None), (1, 5): (2, False), (1, 6): (2, True)}
    if "model.1.weight" not in state or len(places) > 1:
        raise ModelError(_unknown(state))
    place = next(iter(places), ())
    if place not in kinds:
        raise ModelError(
            f"its blocks have convolutions at {', '.join(map(str, place))}; with "
            "reflection padding they are at 1, at 1 and 5, or at 1 and 6"
        )
    first, count = state["model.1.weight"], len(rows)
    layout = Layout(len(first), count, *kinds[place])
    # A reflection of 3, three times convolution, norm and ReLU; at the end the same
    # for two transposed ones, then the last after another reflection.
    after = 10 + count
    names = ["model.1", "model.4", "model.7"]
    names += [
        f"model.{row}.conv_block.{at}" for row in range(10, after) for at in place
    ]
    names += [f"model.{row}" for row in (after, after + 3, after + 7)]
    wanted = {f"{name}.{part}" for name in names for part in ("weight", "bias")}
    if wanted != set(state):
        raise ModelError(_unknown(state, wanted))
    return layout, names


def _unknown(state: dict[str, np.ndarray], wanted: set[str] | None = None) -> str:
    strange = sorted(set(state) - wanted if wanted else state)
    lacking = sorted(wanted - set(state)) if wanted else ["model.1.weight"]
    what = [f"it has {strange[0]}"] if strange else []
    what += [f"it lacks {lacking[0]}"] if lacking else []
    return f"not the ResNet generator of DeblurGAN: {' and '.join(what)}"


def _generator(layout: Layout, dropout: bool) -> keras.Model:
    rate = DROPOUT if dropout else 0.0
    return resnet_generator(
        layout.width, layout.blocks, layout.convolutions, dropout=rate
    )


def _fill(
    generator: keras.Model, state: dict[str, np.ndarray], names: list[str]
) -> None:
    kinds = (keras.layers.Conv2D, keras.layers.Conv2DTranspose)
    convolutions = [layer for layer in generator.layers if isinstance(layer, kinds)]
    for name, layer in zip(names, convolutions, strict=True):
        kernel, bias = state[f"{name}.weight"], state[f"{name}.bias"]
        # (out, in, h, w) -> (h, w, in, out); of transposed convolutions (in, out, h, w)
        # -> (h, w, out, in). The same for both, and neither is flipped.
        weights = [np.moveaxis(kernel, (0, 1), (-1, -2)), bias]
        for value, variable in zip(weights, layer.weights, strict=True):
            if value.shape != tuple(variable.shape):
                raise ModelError(
                    f"{name} has the shape {value.shape} here, but "
                    f"{tuple(variable.shape)} in a generator of this width"
                )
            if not np.isfinite(value).all():
                raise ModelError(f"{name} holds NaN or infinity")
        layer.set_weights(weights)
