"""PyTorch weights restore as in PyTorch; files of version 0.1 are converted."""

from __future__ import annotations

import builtins
import errno
import os
import pickle
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from helpers.networks import narrow_resnet, save_as_version_0_1
from PIL import Image
from typer.testing import CliRunner

from deblurgan_tf import convert, predict
from deblurgan_tf.errors import MissingExtra, ModelError
from deblurgan_tf.models import archives, torch_weights
from deblurgan_tf.models.files import open_model
from deblurgan_tf.storage import atomic
from deblurgan_tf.storage.installation import install_command

try:
    import torch
except ImportError:
    torch = None

needs_torch = pytest.mark.skipif(torch is None, reason="needs the extra torch")


def network(width, blocks, convolutions=2, dropout=True, seed=0):
    """The authors' generator, random weights, dropout off.

    The one with two convolutions is `torch_reference.Generator`; the later code's
    blocks are swapped in for one, running statistics and all.
    """
    from torch import nn

    from deblurgan_tf.benchmarking import torch_reference

    torch.manual_seed(seed)
    module = torch_reference.Generator(width, blocks, 0.5)
    for layer in module.model:
        if isinstance(layer, torch_reference.ResidualBlock):
            if convolutions == 1:
                body = [nn.ReflectionPad2d(1), nn.Conv2d(4 * width, 4 * width, 3)]
                body += [nn.InstanceNorm2d(4 * width)]
                # How their code groups: (... + [ReLU, Dropout]) if dropout else ...
                body += [nn.ReLU(True), nn.Dropout(0.5)] if dropout else []
                layer.body = nn.Sequential(*body)
            elif not dropout:
                layer.body = nn.Sequential(
                    *(part for part in layer.body if not isinstance(part, nn.Dropout))
                )
    for parameter in module.parameters():
        nn.init.normal_(parameter, 0.0, 0.1)
    return module.eval()


def state_of(module):
    """With the names that the authors' code gives."""
    return {
        name.replace(".body.", ".conv_block."): value
        for name, value in module.state_dict().items()
    }


def saved(path, state):
    torch.save(state, path)
    return path


def difference(module, model, sizes=((20, 28), (36, 16))):
    """The largest over random pictures; sizes whose quarters are odd and even."""
    worst = 0.0
    for number, (height, width) in enumerate(sizes):
        rng = np.random.default_rng(number)
        blurred = rng.uniform(-1, 1, (2, height, width, 3)).astype(np.float32)
        with torch.no_grad():
            expected = module(torch.from_numpy(blurred.transpose(0, 3, 1, 2)))
        restored = keras.ops.convert_to_numpy(model(blurred))
        worst = max(
            worst, np.abs(restored - expected.numpy().transpose(0, 2, 3, 1)).max()
        )
        assert np.abs(restored - blurred).max() > 0.1  # it does something
    return worst


@needs_torch
@pytest.mark.parametrize(
    ("width", "blocks", "convolutions", "dropout"),
    [
        (4, 6, 2, True),
        (3, 9, 1, True),
        (3, 1, 2, False),
        (3, 1, 1, False),
        (5, 0, 2, True),
    ],
)
def test_outputs_equal_pytorch(tmp_path, width, blocks, convolutions, dropout):
    module = network(width, blocks, convolutions, dropout)
    path = saved(tmp_path / "net.pth", state_of(module))
    model = torch_weights.convert(path, dropout)
    assert difference(module, model) < 1e-4
    assert model.count_params() == sum(each.numel() for each in module.parameters())
    # A model file like any other, and the same after a round trip.
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", compile=False)
    assert difference(module, again, [(20, 28)]) < 1e-4


@needs_torch
@pytest.mark.parametrize(("convolutions", "count"), [(2, 11_378_179), (1, 6_067_459)])
def test_the_authors_sizes(tmp_path, convolutions, count):
    module = network(64, 9, convolutions)
    # Their initialisation: at 0.1 the features of 64 channels saturate.
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, 0.0, 0.02)
    model = torch_weights.convert(saved(tmp_path / "net.pth", state_of(module)))
    assert model.count_params() == count
    assert difference(module, model, [(36, 44)]) < 1e-4


@needs_torch
def test_the_relu_of_one_convolution_goes_with_dropout(tmp_path):
    module = network(4, 3, convolutions=1, dropout=True)
    path = saved(tmp_path / "net.pth", state_of(module))
    assert difference(module, torch_weights.convert(path, dropout=False)) > 1e-2


@needs_torch
def test_prefixes_statistics_checkpoints_and_old_files(tmp_path):
    module = network(3, 2)
    plain = state_of(module)
    later = {}
    for name, value in plain.items():
        later[f"module.{name}"] = value
    for name in ("model.2", "model.10.conv_block.2"):
        later[f"module.{name}.running_mean"] = torch.ones(3)
        later[f"module.{name}.running_var"] = torch.ones(3)
        later[f"module.{name}.num_batches_tracked"] = torch.tensor(7)
    halved = {name: value.half() for name, value in plain.items()}
    cases = {
        "later": (later, {}),
        "checkpoint": ({"epoch": 3, "state_dict": plain, "best": [1.0]}, {}),
        "old": (plain, {"_use_new_zipfile_serialization": False}),
    }
    for name, (content, options) in cases.items():
        torch.save(content, tmp_path / name, **options)
        assert (
            difference(module, torch_weights.convert(tmp_path / name), [(20, 28)])
            < 1e-4
        )
    loaded = torch_weights.read_state(saved(tmp_path / "half", halved))
    assert {value.dtype for value in loaded.values()} == {np.dtype(np.float32)}


class Evil:
    """Its pickle makes a file when it is loaded in full."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@needs_torch
@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_that_would_run_code_is_refused(tmp_path, zipped):
    trap = tmp_path / "trap"
    path = tmp_path / "evil.pth"
    content = state_of(network(2, 1)) | {"evil": Evil(trap)}
    if zipped:
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps({"evil": Evil(trap)}, protocol=2))
    with pytest.raises(ModelError, match=r"evil\.pth.*without running code"):
        torch_weights.convert(path)
    assert not trap.exists()
    # The trap is one.
    pickle.loads(pickle.dumps(Evil(trap))).close()
    assert trap.exists()


@needs_torch
def test_other_networks_and_damage_are_refused_with_the_reason(tmp_path):
    plain = state_of(network(3, 2))

    def changed(**values):
        state = dict(plain)
        for name, value in values.items():
            state[name.replace("__", ".")] = value
        return {name: value for name, value in state.items() if value is not None}

    shifted = {
        name.replace("conv_block.1.", "conv_block.0.").replace(
            "conv_block.6.", "conv_block.5."
        ): value
        for name, value in plain.items()
    }
    mixed = {
        name: value for name, value in plain.items() if "11.conv_block.6" not in name
    }
    wide = torch.zeros(12, 6, 4, 4)
    cases = {
        "affine": (changed(model__2__weight=torch.ones(3)), "normalisation"),
        "batch": (
            changed(model__1__bias=None, model__2__weight=torch.ones(3)),
            "normalisation",
        ),
        "no bias": (changed(model__1__bias=None), "lacks model.1.bias"),
        "more": (changed(model__99__weight=torch.ones(3, 3, 1, 1)), "model.99.weight"),
        "unet": ({"model.model.0.weight": torch.ones(3, 3, 4, 4)}, "not the ResNet"),
        "zero padding": (shifted, "reflection padding"),
        "mixed": (mixed, "not the ResNet"),
        "kernel 4": (changed(model__12__weight=wide), "model.12 has the shape"),
        "grey": (changed(model__1__weight=torch.ones(3, 1, 7, 7)), "model.1 has"),
        "nan": (changed(model__4__bias=torch.full((6,), np.nan)), "NaN"),
        "numbers": ({"a": 1}, "no state dict"),
        "list": ([1, 2], "no state dict"),
        "two": ({"a": plain, "b": plain}, "exactly one"),
        "empty dict": ({}, "no state dict"),
    }
    for name, (content, reason) in cases.items():
        with pytest.raises(ModelError) as caught:
            torch_weights.convert(saved(tmp_path / name, content))
        assert reason in str(caught.value) and str(tmp_path / name) in str(caught.value)
    with pytest.raises(ModelError, match="leave out --no-dropout"):
        torch_weights.convert(saved(tmp_path / "plain", plain), dropout=False)
    whole = (tmp_path / "plain").read_bytes()
    damaged = [b"", b"rubbish", whole[: len(whole) // 2], b"\x80\x02}" + bytes(50)]
    for content in damaged:
        (tmp_path / "damaged").write_bytes(content)
        with pytest.raises(ModelError, match="damaged"):
            torch_weights.convert(tmp_path / "damaged")
    with pytest.raises(ModelError, match="is no file"):
        torch_weights.convert(tmp_path / "missing")


@needs_torch
def test_the_command_writes_a_model_or_nothing(tmp_path):
    run = CliRunner().invoke
    weights = saved(tmp_path / "net.pth", state_of(network(3, 2)))
    output = tmp_path / "generator.keras"
    result = run(convert.app, [str(weights), "--output", str(output)])
    assert result.exit_code == 0 and "parameters" in result.stdout
    before = output.read_bytes()
    (tmp_path / "bad.pth").write_bytes(b"rubbish")
    faulty = [
        [str(tmp_path / "bad.pth"), "--output", str(output)],
        [str(weights), "--output", str(tmp_path / "generator.h5")],
        [str(weights), "--output", str(tmp_path / "none" / "generator.keras")],
        [str(weights)],
        [],
    ]
    for arguments in faulty:
        result = run(convert.app, arguments)
        assert result.exit_code == 2, arguments
        assert "Traceback" not in result.output
    assert output.read_bytes() == before
    names = {"bad.pth", "generator.keras", "net.pth"}
    assert {path.name for path in tmp_path.iterdir()} == names


def test_a_full_disk_is_one_line(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(atomic, "move_into_place", full)
    old = save_as_version_0_1(narrow_resnet(), tmp_path / "old.keras")
    new = tmp_path / "new.keras"
    result = CliRunner().invoke(convert.app, [str(old), "--output", str(new)])
    assert result.exit_code == 2 and f"{new}: " in result.output
    assert "No space left on device" in result.output
    assert list(tmp_path.iterdir()) == [old]


def test_the_command_converts_a_file_of_version_0_1(tmp_path):
    run = CliRunner().invoke
    model = narrow_resnet()
    old = save_as_version_0_1(model, tmp_path / "old.keras")
    new = tmp_path / "new.keras"
    result = run(convert.app, [str(old), "--output", str(new)])
    assert result.exit_code == 0, result.output
    assert f"{new}: {model.count_params():,} parameters" in result.output
    for one, other in zip(
        model.get_weights(), open_model(new).get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    # Once is enough, and another command names this one.
    before = new.read_bytes()
    result = run(convert.app, [str(new), "--output", str(new)])
    assert result.exit_code == 2 and "nothing to convert" in result.output
    result = run(convert.app, [str(old), "--output", str(new), "--no-dropout"])
    assert result.exit_code == 2 and "belong to PyTorch weights" in result.output
    assert new.read_bytes() == before
    Image.new("RGB", (20, 20)).save(tmp_path / "picture.png")
    result = run(
        predict.app,
        [
            *(str(tmp_path / "picture.png"), "--model", str(old)),
            *("--output", str(tmp_path / "out")),
        ],
    )
    text = " ".join(result.output.split())
    assert result.exit_code == 2 and "Traceback" not in text
    assert "was written by version 0.1; convert it with" in text


def test_without_pytorch_the_error_says_how_to_install_it(monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **options):
        if name == "torch":
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    match = re.escape(install_command("torch"))
    with pytest.raises(MissingExtra, match=match):
        torch_weights.convert(Path("net.pth"))


def test_help_works_without_torch(tmp_path):
    result = subprocess.run(
        [sys.executable, "-m", "deblurgan_tf.convert", "--help"],
        cwd=tmp_path,
        env=os.environ | {"COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    for word in ("--output", "--no-dropout", "Examples:", "Exit codes"):
        assert word in " ".join(result.stdout.split())
    assert list(tmp_path.iterdir()) == []


@needs_torch
@pytest.mark.filterwarnings("ignore::UserWarning")  # quantised tensors are deprecated
def test_tensors_without_a_number_for_each_weight_are_refused(tmp_path):
    path = tmp_path / "odd.pth"
    one = torch.ones(2, 3, 7, 7)
    for tensor, what in (
        (one.to_sparse(), "sparse"),
        (torch.empty(2, 3, 7, 7, device="meta"), "meta"),
        (one.to(torch.complex64), "complex"),
        (torch.quantize_per_tensor(one, 0.1, 0, torch.qint8), "quantised"),
        (torch.ones(1).half().expand(300_000, 300_000), "larger than its numbers"),
    ):
        torch.save({"model.1.weight": tensor}, path)
        with pytest.raises(ModelError, match=f"odd.pth: model.1.weight is .*{what}"):
            torch_weights.read_state(path)


@needs_torch
def test_a_first_layer_alone_does_not_make_a_huge_network(tmp_path):
    state = state_of(network(2, 1))
    state["model.1.weight"] = torch.ones(2_000, 3, 7, 7)
    torch.save(state, tmp_path / "wide.pth")
    with pytest.raises(ModelError, match="wide.pth: describes layers of more than"):
        torch_weights.convert(tmp_path / "wide.pth")


@needs_torch
def test_a_small_file_that_unpacks_to_much_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "WEIGHTS_BYTES", 1_000_000)
    path = tmp_path / "bomb.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb/data/0", bytes(3_000_000))
    with pytest.raises(ModelError, match="its parts would unpack to 3,000,000 bytes"):
        torch_weights.read_state(path)
