"""The shipped experiments run; narrow, and on tiny data of the layout they need."""

import json

import numpy as np
import pytest

from deblurgan_tf import config as configs
from deblurgan_tf import images
from deblurgan_tf.data import open_source
from deblurgan_tf.errors import DataError
from deblurgan_tf.models.files import shipped
from deblurgan_tf.training.loop import train

NARROW = [
    "model.width=2",
    "model.blocks=1",
    "model.critic_width=2",
    "train.steps=2",
    "data.crop=[40, 40]",
    "blur.kernels=16",
    "every.log=1",
]


def gopro_folder(root, sequences=2, frames=3):
    """Noise in the layout of GOPRO_Large/train."""
    rng = np.random.default_rng(0)
    for sequence in range(sequences):
        for frame in range(frames):
            for kind in ("blur", "blur_gamma", "sharp"):
                folder = root / f"GOPR{sequence:04d}" / kind
                folder.mkdir(parents=True, exist_ok=True)
                pixels = rng.integers(0, 256, (96, 128, 3), np.uint8)
                images.write(folder / f"{frame:06d}.png", images.Picture(pixels))


def test_gopro_paper_trains_on_a_folder_of_its_layout(tmp_path):
    root = tmp_path / "GOPRO_Large" / "train"
    gopro_folder(root)
    config = configs.load(
        configs.experiment("gopro_paper"),
        [
            *NARROW,
            "loss.content={l1: 1.0}",
            "data.validation=2",
            f"data.mix.0.path={root}",
            f"data.mix.1.path={root}",
        ],
    )
    source = open_source(config)
    # Each part holds out at most two frames, and no part trains on them.
    held_out = {item.sharp_file for item in source.validation}
    trained = {item.sharp_file for part in source.sources for item in part.training}
    assert 2 <= len(held_out) <= 3
    assert not held_out & trained
    assert len(trained | held_out) == 6
    # Both parts read the same frames: an epoch passes over each once.
    assert source.size == len(trained)
    state = train(config, tmp_path / "run")
    assert int(state.step) == 2
    lines = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    losses = [json.loads(line) for line in lines if "penalty" in line]
    assert [record["step"] for record in losses] == [1, 2]
    assert all(np.isfinite(list(record.values())).all() for record in losses)


def test_gopro_paper_without_a_folder_says_how_to_give_one():
    config = configs.load(configs.experiment("gopro_paper"))
    with pytest.raises(DataError, match="data.mix.N.path=DIR"):
        open_source(config)


@pytest.mark.parametrize("source", ["folder", "pairs", "side_by_side", "tfds"])
def test_each_source_trains_a_real_step(source, tmp_path, monkeypatch):
    root = tmp_path / "pictures"
    data = tmp_path / "tfds"
    rng = np.random.default_rng(0)

    def write(path, width):
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (48, width, 3), np.uint8)
        images.write(path, images.Picture(pixels))

    for number in range(3):
        if source == "pairs":
            write(root / "blurred" / f"{number}.png", 64)
            write(root / "sharp" / f"{number}.png", 64)
        else:
            write(root / f"{number}.png", 128)
    if source == "tfds":
        gopro_folder(data / "downloads" / "manual" / "train")
    overrides = {
        "folder": ["data.source=folder", f"data.path={root}"],
        "pairs": ["data.source=pairs", f"data.path={root}"],
        "side_by_side": [
            *("data.source=pairs", "data.layout=side_by_side"),
            f"data.path={root}",
        ],
        "tfds": [
            *("data.source=tfds", "data.name=gopro_deblur/blur_gamma"),
            f"data.path={data}",
            "blur=null",  # only the set itself tells that it holds pairs
        ],
    }[source]
    if source != "folder":  # pairs come blurred: no kernel is made
        monkeypatch.delattr("deblurgan_tf.blur.degradation.kernel_bank")
        narrow = [x for x in NARROW if not x.startswith("blur.")]
    else:
        narrow = NARROW
    config = configs.load(
        configs.experiment("plates_quick"),
        [*narrow, "data.validation=1", "loss.adversarial=none", *overrides],
    )
    assert int(train(config, tmp_path / "run").step) == 2
    lines = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    assert [x["step"] for x in records if "content" in x] == [1, 2]
    assert all(x["content"] > 0 for x in records if "content" in x)
    assert [x["step"] for x in records if "psnr" in x] == [2]


def test_plates_paper_is_the_papers_training():
    config = configs.load(configs.experiment("plates_paper"))
    assert config.data.count == 600 and config.data.batch == 1
    assert config.train.epochs == 300 and config.train.steps is None
    assert config.train.learning_rate == 1e-4 and config.train.critic_steps == 5
    assert config.loss.adversarial == "wgan-gp"
    assert config.loss.content == {"vgg19": 100.0}
    assert config.loss.if_unavailable is None  # another loss is asked for by name
    assert config.model == configs.Config().model


def test_finetune_plates_needs_a_folder_alone(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(5):
        pixels = rng.integers(0, 256, (96, 192, 3), np.uint8)
        images.write(tmp_path / f"{number}.png", images.Picture(pixels))
    path = configs.experiment("finetune_plates")
    config = configs.load(path, [f"data.path={tmp_path}"])
    source = open_source(config)
    assert (source.size, len(source.validation)) == (1, 4)
    # It goes on from a shipped model, whose layers its generator has.
    assert config.train.start_from in shipped()
    trained = configs.load(configs.experiment("plates_longer"))
    assert config.model == trained.model
    assert config.train.learning_rate <= trained.train.learning_rate / 5
