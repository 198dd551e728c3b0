"""The GoPro builder by tensorflow-datasets' own checks, on pictures made here."""

import shutil
import tempfile
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import tensorflow_datasets as tfds

from deblurgan_tf import images
from deblurgan_tf.data.gopro_deblur import GoproDeblur

# tfds.testing patches and pickles other libraries, which warn of it.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def manual_folder():
    root = Path(tempfile.mkdtemp())
    rng = np.random.default_rng(0)
    for split in ("train", "test"):
        for kind in ("blur", "blur_gamma", "sharp"):
            for frame in range(2):
                path = root / split / "GOPR0001" / kind / f"{frame:06d}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                pixels = rng.integers(0, 256, (20, 30, 3), np.uint8)
                images.write(path, images.Picture(pixels))
    return root


class GoproDeblurTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = GoproDeblur
    SPLITS: ClassVar = {"train": 2, "test": 2}
    BUILDER_CONFIG_NAMES_TO_TEST: ClassVar = ["blur"]

    @classmethod
    def setUpClass(cls):
        cls.EXAMPLE_DIR = manual_folder()
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        shutil.rmtree(cls.EXAMPLE_DIR)
