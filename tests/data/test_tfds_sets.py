"""Sets of tensorflow-datasets, prepared from local files: nothing is downloaded.

tfds's own checks of our builder are in test_gopro_deblur.py.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from helpers.pictures import coded, energy, photo, photos, save, softened
from helpers.trainings import same, take, tiny

from deblurgan_tf import images
from deblurgan_tf.data import open_source, training_batches
from deblurgan_tf.errors import ConfigError, DataError


class CodedPictures(tfds.core.GeneratorBasedBuilder):
    """Coded pictures of two sizes, of which one is below a crop of 16."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        picture = tfds.features.Image(shape=(None, None, 3), encoding_format="png")
        return tfds.core.DatasetInfo(
            builder=self, features=tfds.features.FeaturesDict({"image": picture})
        )

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(12), "small": self._small()}

    def _generate_examples(self, count):
        for number in range(count):
            yield number, {"image": coded(20, 22, number)}

    def _small(self):
        yield 0, {"image": coded(20, 22, 0)}
        yield 1, {"image": coded(20, 12, 1)}


class OnlyLabels(tfds.core.GeneratorBasedBuilder):
    """A set without pictures."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        text = tfds.features.Text()
        features = tfds.features.FeaturesDict({"label": np.int64, "text": text})
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        yield 0, {"label": 0, "text": ""}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A data directory, filled by the first test that needs a set."""
    return tmp_path_factory.mktemp("tfds")


def fill_gopro(manual):
    """Two training sequences and a test sequence, as GOPRO_Large unpacks."""
    for number, sequence in enumerate(("train/A", "train/B", "test/C")):
        for frame in range(2):
            sharp = photo(32, 40, 10 * number + frame)
            name = f"{frame:06d}.png"
            save(manual / sequence / "sharp" / name, sharp)
            save(manual / sequence / "blur" / name, softened(sharp))
            save(manual / sequence / "blur_gamma" / name, 255 - sharp)
    return manual


@pytest.fixture(scope="module")
def gopro(tmp_path_factory):
    """A data directory with the manual download in its default place."""
    folder = tmp_path_factory.mktemp("gopro")
    fill_gopro(folder / "downloads" / "manual")
    return folder


def opened(path, name="coded_pictures", validation=0, crop=(16, 16), **data):
    data |= {"source": "tfds", "path": str(path), "name": name, "crop": list(crop)}
    return open_source(tiny(data=data | {"validation": validation}))


def numbers(samples):
    return [int(sample["sharp"][0, 0, 2]) for sample in samples]


# Sets with the feature `image`.


def test_crops_hold_the_pixels_of_the_set(prepared):
    for sample in take(opened(prepared), 12):
        top, left, number = (int(x) for x in sample["sharp"][0, 0])
        whole = coded(20, 22, number)
        assert np.array_equal(sample["sharp"], whole[top : top + 16, left : left + 16])
        assert np.array_equal(sample["blurred"], sample["sharp"])
        assert not sample["paired"]


def test_an_epoch_shows_every_picture_once_and_the_next_in_another_order(prepared):
    source = opened(prepared)
    assert source.size == 12
    seen = numbers(take(source, 36))
    for epoch in range(3):
        assert sorted(seen[12 * epoch : 12 * epoch + 12]) == list(range(12))
    assert seen[:12] != seen[12:24] != seen[24:] != seen[:12]
    assert numbers(take(source, 12, seed=1)) != seen[:12]


def test_a_training_that_starts_at_any_sample_goes_on_as_a_straight_one(prepared):
    straight = take(opened(prepared, validation=2), 25, seed=3, flip=True)
    for start in (9, 23):
        resumed = take(
            opened(prepared, validation=2), 25 - start, start=start, seed=3, flip=True
        )
        assert same(resumed, straight[start:]), start


def test_a_set_goes_on_where_it_stopped_within_a_mix(prepared, tmp_path):
    photos(tmp_path, 3)
    parts = [
        {"weight": 1, "source": "folder", "path": str(tmp_path)},
        {"weight": 2, "source": "tfds", "path": str(prepared)}
        | {"name": "coded_pictures"},
    ]
    config = tiny(
        data={"source": "mix", "mix": parts, "crop": [16, 16], "validation": 3}
    )
    assert len(open_source(config).validation) == 3

    def batches(start, count):
        found = training_batches(open_source(config), config, start)
        return list(itertools.islice(found, count))

    assert same(batches(7, 4), batches(0, 11)[7:])


def test_validation_pictures_are_the_same_each_time_and_not_trained_on(prepared):
    one, two = (opened(prepared, validation=3) for _ in range(2))
    assert one.size == 9
    assert [x.name for x in one.validation] == [x.name for x in two.validation]
    held_out = [int(item.load()[1][0, 0, 2]) for item in one.validation]
    trained = numbers(take(one, 18))
    assert sorted(held_out + trained[:9]) == list(range(12))
    assert set(trained).isdisjoint(held_out)
    for item in one.validation:
        blurred, sharp = item.load()
        assert blurred is None
        assert np.array_equal(sharp, coded(20, 22, int(sharp[0, 0, 2])))


def test_small_pictures_are_left_out_with_a_warning_that_names_them(prepared):
    with pytest.warns(UserWarning, match=r"1 of 2 pictures.*coded_pictures-small"):
        source = opened(prepared, split="small")
    assert set(numbers(take(source, 4))) == {0}
    with pytest.raises(DataError, match=r"all 2 pictures.*data\.crop"):
        opened(prepared, split="small", crop=(32, 32))


def test_damaged_pictures_of_a_set_are_left_out_by_name(tmp_path):
    """As other programs write sets: they do not decode what they put in."""
    good = [images.encode(images.Picture(coded(20, 22, n))) for n in range(4)]
    features = tfds.features.FeaturesDict({"image": tfds.features.Image()})
    path = tmp_path / "some" / "1.0.0"
    path.mkdir(parents=True)
    with tf.io.TFRecordWriter(
        str(path / "some-train.tfrecord-00000-of-00001")
    ) as writer:
        for data in (good[0], good[1][:-30], good[2], b"no picture", good[3]):
            value = tf.train.Feature(bytes_list=tf.train.BytesList(value=[data]))
            example = tf.train.Features(feature={"image": value})
            writer.write(tf.train.Example(features=example).SerializeToString())
    tfds.folder_dataset.write_metadata(
        data_dir=str(path),
        features=features,
        split_infos=[tfds.core.SplitInfo("train", [5], 1000)],
        version="1.0.0",
        filename_template="{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
        check_data=False,
    )
    with pytest.warns(UserWarning, match="2 of 5 pictures cannot be read") as caught:
        source = opened(tmp_path, "some")
    told = str(caught[0].message)
    assert "00001__1: damaged" in told and "00001__3: not a picture" in told
    assert sorted(numbers(take(source, 3))) == [0, 2, 3]
    # What comes out of the index is the same; of a part of the set, its own alone.
    with pytest.warns(UserWarning, match="1 of 2 pictures"):
        assert opened(tmp_path, "some", split="train[:2]").size == 1


def test_a_part_of_a_split_can_be_asked_for(prepared):
    assert opened(prepared, split="train[:50%]").size == 6


def test_scale_counts_for_the_crop(prepared):
    with pytest.raises(DataError, match="all 12 pictures"):
        opened(prepared, scale=0.5)


# Errors.


def test_an_unknown_set_is_named_and_the_way_to_the_known_ones(tmp_path):
    with pytest.raises(DataError, match="'no_such_set': there is no set") as caught:
        opened(tmp_path, name="no_such_set")
    assert "tfds.list_builders()" in str(caught.value)
    assert len(str(caught.value)) < 200


def test_an_unknown_split_is_named_with_the_known_ones(prepared):
    with pytest.raises(DataError, match="no split 'valid'; it has: .*train"):
        opened(prepared, split="valid")


def test_an_unknown_config_of_a_set_is_an_error(gopro):
    with pytest.raises(DataError, match="gopro_deblur/sideways"):
        opened(gopro, name="gopro_deblur/sideways")


def test_a_set_without_pictures_is_an_error_that_names_its_features(tmp_path):
    with pytest.raises(DataError, match=r"needs the feature 'image'.*label, text"):
        opened(tmp_path, name="only_labels")


def test_holding_out_all_pictures_is_an_error(prepared):
    with pytest.raises(DataError, match=r"12 pictures.*holds out 12"):
        opened(prepared, validation=12)


def test_a_missing_manual_folder_tells_where_to_unpack_what(tmp_path):
    with pytest.raises(DataError, match="GOPRO_Large.zip") as caught:
        opened(tmp_path, name="gopro_deblur")
    assert str(tmp_path / "downloads" / "manual") in str(caught.value)


def test_a_manual_folder_with_other_contents_tells_what_is_needed(tmp_path):
    save(tmp_path / "downloads" / "manual" / "GOPRO_Large" / "x.png", coded(8, 8, 0))
    with pytest.raises(DataError, match="needs train/ or test/ of GOPRO_Large"):
        opened(tmp_path, name="gopro_deblur")


def test_a_sharp_picture_without_its_blurred_one_is_named(tmp_path):
    manual = tmp_path / "downloads" / "manual"
    save(manual / "train" / "A" / "sharp" / "000001.png", coded(20, 20, 0))
    with pytest.raises(DataError, match=r"A/blur/000001\.png: is missing"):
        opened(tmp_path, name="gopro_deblur")


# The GoPro set.


@pytest.mark.parametrize("config", ["blur", "blur_gamma"])
def test_gopro_deblur_gives_the_pixels_of_the_manual_folder(gopro, config):
    name = f"gopro_deblur/{config}"
    source = opened(gopro, name=name, crop=(32, 40))
    assert source.size == 4
    manual = gopro / "downloads" / "manual"
    expected = {}
    for sharp in manual.glob("train/*/sharp/*.png"):
        blurred = sharp.parent.parent / config / sharp.name
        expected[images.read_rgb(sharp).tobytes()] = images.read_rgb(blurred)
    found = take(source, 4, crop=(32, 40))
    assert {sample["sharp"].tobytes() for sample in found} == expected.keys()
    for sample in found:
        assert sample["paired"]
        assert np.array_equal(sample["blurred"], expected[sample["sharp"].tobytes()])
        if config == "blur":
            assert energy(sample["blurred"]) < energy(sample["sharp"])
    assert opened(gopro, name=name, crop=(32, 40), split="test").size == 2


def test_gopro_deblur_pairs_go_on_where_they_stopped(gopro):
    data = {"name": "gopro_deblur", "crop": (20, 20), "validation": 1}
    straight = take(opened(gopro, **data), 8, crop=(20, 20), flip=True)
    resumed = take(opened(gopro, **data), 3, start=5, crop=(20, 20), flip=True)
    assert same(resumed, straight[5:])
    (item,) = opened(gopro, **data).validation
    blurred, sharp = item.load()
    assert energy(blurred) < energy(sharp)


def test_pairs_of_a_set_need_no_blur_and_a_crop_below_the_canvas_will_do(gopro):
    source = opened(gopro, name="gopro_deblur", crop=(16, 16))
    assert source.paired
    data = {"source": "tfds", "path": str(gopro), "name": "gopro_deblur"}
    with pytest.raises(ConfigError, match=r"tfds: blur has no effect.*blur=null"):
        open_source(tiny(data=data, blur={}))
    with pytest.raises(ConfigError, match=r"tfds: data\.color_jitter has no effect"):
        open_source(tiny(data=data | {"color_jitter": 0.5}))


def test_sharp_pictures_of_a_set_need_a_blur(prepared):
    assert not opened(prepared).paired
    data = {"source": "tfds", "path": str(prepared), "name": "coded_pictures"}
    config = tiny(data=data | {"crop": [16, 16], "validation": 0})
    with pytest.raises(ConfigError, match="tfds: blur is null"):
        open_source(config.model_copy(update={"blur": None}))
