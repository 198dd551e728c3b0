"""The shipped experiments run; narrow, and on tiny data of the layout they need."""

import json

import numpy as np
import pytest

from deblurgan_tf import config as configs
from deblurgan_tf import images
from deblurgan_tf.data import DataError, open_source
from deblurgan_tf.train import train

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
    # Two frames are set aside in each part at most, and in neither trained on.
    aside = {item.sharp_file for item in source.validation}
    trained = {
        item.sharp_file for part in source.sources for item in part.training
    }
    assert 2 <= len(aside) <= 3
    assert not aside & trained
    assert len(trained | aside) == 6
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


@pytest.mark.parametrize("name", ["plates_quick", "plates_paper"])
def test_the_plates_experiments_train_on_rendered_plates(name, tmp_path):
    narrow = [*NARROW, "data.validation=1", "loss.content={l1: 1.0}"]
    if name == "plates_paper":
        narrow += ["blur.canvas=33", "blur.length=30"]
    config = configs.load(configs.experiment(name), narrow)
    assert int(train(config, tmp_path).step) == 2
    assert (tmp_path / "generator.keras").exists()


def test_plates_paper_is_the_papers_training():
    config = configs.load(configs.experiment("plates_paper"))
    assert config.data.count == 600 and config.data.batch == 1
    assert config.train.epochs == 300 and config.train.steps is None
    assert config.train.learning_rate == 1e-4 and config.train.critic_steps == 5
    assert config.loss.adversarial == "wgan-gp" and config.loss.content == {"vgg19": 100}
    assert config.model == configs.Config().model
