"""Records read one by one are those that tensorflow's own reader gives in a row."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from helpers.pictures import coded

from deblurgan_tf import images
from deblurgan_tf.data.records import INDEX, open_shard, pictures_in

IMAGE = ("image",)


def png(number, size=(20, 22)):
    return images.encode(images.Picture(coded(*size, number)))


def example(**pictures):
    features = {
        key: tf.train.Feature(bytes_list=tf.train.BytesList(value=[data]))
        for key, data in pictures.items()
    }
    return tf.train.Example(features=tf.train.Features(feature=features))


def write(path, examples):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for each in examples:
            writer.write(each.SerializeToString())
    return str(path)


@pytest.fixture
def shard(tmp_path):
    sizes = [(20, 22), (16, 40), (33, 17)]
    path = tmp_path / "set-train.tfrecord-00000-of-00001"
    return write(path, [example(image=png(n, size)) for n, size in enumerate(sizes)])


def test_every_record_is_read_from_its_place_in_any_order(shard):
    opened = open_shard(shard, IMAGE)
    straight = [
        pictures_in(x, IMAGE)
        for x in tf.data.TFRecordDataset(shard).as_numpy_iterator()
    ]
    assert len(opened) == len(straight) == 3
    for number in (2, 0, 1):
        assert opened.read(number, IMAGE) == straight[number]
    assert opened.sizes.tolist() == [[20, 22], [16, 40], [33, 17]]
    assert opened.name(2) == "set-train.tfrecord-00000-of-00001__2"


def test_the_index_spares_the_next_start_the_pass(shard, monkeypatch):
    first = open_shard(shard, IMAGE)

    def no_pass(*_):
        raise AssertionError("reads the whole file again")

    monkeypatch.setattr(tf.data, "TFRecordDataset", no_pass)
    again = open_shard(shard, IMAGE)
    for name in ("offsets", "lengths", "sizes"):
        assert np.array_equal(getattr(again, name), getattr(first, name)), name


def test_a_file_that_changed_is_indexed_anew(shard):
    open_shard(shard, IMAGE)
    write(shard, [example(image=png(7, (18, 19)))])
    assert open_shard(shard, IMAGE).sizes.tolist() == [[18, 19]]


def test_other_features_of_the_same_file_are_indexed_anew(tmp_path):
    path = write(
        tmp_path / "x", [example(image=png(0), blurred=png(1), sharp=png(2, (30, 22)))]
    )
    assert not open_shard(path, IMAGE).problems
    (problem,) = open_shard(path, ("blurred", "sharp")).problems
    assert problem == "x__0: blurred and sharp differ in size"


def test_a_picture_whose_header_is_damaged_is_told_by_its_record(tmp_path):
    path = write(tmp_path / "x", [example(image=png(0)), example(image=b"no picture")])
    (problem,) = open_shard(path, IMAGE).problems
    assert problem.startswith("x__1")


def test_a_damaged_file_is_an_error(shard):
    data = bytearray(Path(shard).read_bytes())
    data[len(data) // 2] ^= 1
    Path(shard).write_bytes(data)
    with pytest.raises(tf.errors.DataLossError, match="corrupted"):
        open_shard(shard, IMAGE)


def test_a_place_that_cannot_be_written_to_goes_without_an_index(shard):
    # A file where the folder would be: root may write to any folder.
    place = os.path.join(os.path.dirname(shard), INDEX)
    Path(place).touch()
    assert len(open_shard(shard, IMAGE)) == 3
    assert os.path.isfile(place)
