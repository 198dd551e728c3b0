"""The GoPro set of Nah et al. 2017 as a tensorflow-datasets builder.

The pictures are not downloaded: unpack GOPRO_Large.zip into the manual folder (by
default DATA_DIR/downloads/manual), so that it holds train/ and test/.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import tensorflow_datasets as tfds


class GoproDeblur(tfds.core.GeneratorBasedBuilder):
    """Pairs of 1280x720 pictures: means of a 240 fps camera's frames, middle frames."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "Initial release."}
    BUILDER_CONFIGS: ClassVar = [
        tfds.core.BuilderConfig(name="blur", description="averaged as they are"),
        tfds.core.BuilderConfig(
            name="blur_gamma", description="averaged in linear light (gamma 2.2)"
        ),
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    Download GOPRO_Large.zip from https://seungjunnah.github.io/Datasets/gopro and
    unpack it into the manual folder, so that train/SEQUENCE/blur, blur_gamma and sharp
    and test/SEQUENCE/... lie directly in it.
    """

    def _info(self) -> tfds.core.DatasetInfo:
        picture = tfds.features.Image(shape=(None, None, 3), encoding_format="png")
        return tfds.core.DatasetInfo(
            builder=self,
            description=__doc__,
            features=tfds.features.FeaturesDict({"blurred": picture, "sharp": picture}),
            supervised_keys=("blurred", "sharp"),
            homepage="https://seungjunnah.github.io/Datasets/gopro",
            citation="""@inproceedings{nah2017deep,
  title={Deep Multi-scale Convolutional Neural Network for Dynamic Scene Deblurring},
  author={Nah, Seungjun and Kim, Tae Hyun and Lee, Kyoung Mu},
  booktitle={CVPR}, year={2017}}""",
        )

    def _split_generators(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, Any]:
        root = Path(dl_manager.manual_dir)
        splits = {
            name: self._generate_examples(root / name)
            for name in ("train", "test")
            if (root / name).is_dir()
        }
        if not splits:
            raise FileNotFoundError(
                f"{root}: needs train/ or test/ of GOPRO_Large; unpack it there"
            )
        return splits

    def _generate_examples(self, folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
        for sharp in sorted(folder.glob("*/sharp/*.png")):
            sequence = sharp.parent.parent
            blurred = sequence / self.builder_config.name / sharp.name
            if not blurred.is_file():
                raise FileNotFoundError(f"{blurred}: is missing beside {sharp}")
            yield (
                f"{sequence.name}/{sharp.name}",
                {"blurred": str(blurred), "sharp": str(sharp)},
            )
