"""Records read one by one are those that tensorflow's own reader gives in a row."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from helpers.pictures import coded, photo

from deblurgan_tf import images
from deblurgan_tf.data.records import INDEX, Shard, open_shard, open_shards, pictures_in
from deblurgan_tf.errors import DataError

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


def test_the_index_of_a_file_without_records_is_used(tmp_path, monkeypatch):
    path = write(tmp_path / "set-train.tfrecord-00000-of-00001", [])
    assert len(open_shard(path, IMAGE)) == 0
    monkeypatch.setattr(tf.data, "TFRecordDataset", None)
    assert len(open_shard(path, IMAGE)) == len(open_shards([path], IMAGE)[0]) == 0


def test_a_file_that_changed_is_indexed_anew(shard):
    open_shard(shard, IMAGE)
    write(shard, [example(image=png(7, (18, 19)))])
    assert open_shard(shard, IMAGE).sizes.tolist() == [[18, 19]]


def test_another_file_of_the_same_size_is_indexed_anew(tmp_path):
    # As large as before, but the records have changed places.
    path = tmp_path / "x"
    examples = [example(image=png(0, (20, 22))), example(image=png(1, (16, 40)))]
    write(path, examples)
    size = path.stat().st_size
    assert open_shard(str(path), IMAGE).sizes.tolist() == [[20, 22], [16, 40]]
    write(path, examples[::-1])
    assert path.stat().st_size == size
    again = open_shard(str(path), IMAGE)
    assert again.sizes.tolist() == [[16, 40], [20, 22]]
    assert again.read(0, IMAGE) == [png(1, (16, 40))]


def index_of(shard):
    (index,) = Path(shard).parent.joinpath(INDEX).iterdir()
    return index


def test_the_index_of_a_copied_set_is_used(shard, tmp_path, monkeypatch):
    open_shard(shard, IMAGE)
    shutil.copytree(tmp_path, tmp_path / "copy", copy_function=shutil.copyfile)
    monkeypatch.delattr(tf.data, "TFRecordDataset")
    assert len(open_shard(str(tmp_path / "copy" / Path(shard).name), IMAGE)) == 3


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"",
        lambda whole: b"no index",
        lambda whole: whole[:-1],
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:300] + bytes([whole[300] ^ 1]) + whole[301:],
        lambda whole: whole[32:],  # a plain .npz file
        lambda whole: npy(np.arange(3)),
        lambda whole: hashlib.sha256(b"").digest(),
    ],
    ids=["empty", "text", "short", "half", "a bit", "npz", "npy", "a checksum"],
)
def test_a_damaged_index_is_made_again(shard, damage):
    first = open_shard(shard, IMAGE)
    index = index_of(shard)
    whole = index.read_bytes()
    index.write_bytes(damage(whole))
    again = open_shard(shard, IMAGE)
    assert again.sizes.tolist() == first.sizes.tolist()
    assert again.offsets.tolist() == first.offsets.tolist()
    assert index.read_bytes() == whole
    assert index_of(shard) == index  # and nothing lies beside it


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def test_the_index_of_another_file_is_made_again(shard, tmp_path):
    open_shard(shard, IMAGE)
    index = index_of(shard)
    (tmp_path / "other").mkdir()
    other = write(tmp_path / "other" / Path(shard).name, [example(image=png(5))])
    open_shard(other, IMAGE)
    index.write_bytes(index_of(other).read_bytes())
    assert len(open_shard(shard, IMAGE)) == 3


def test_other_features_of_the_same_file_are_indexed_anew(tmp_path):
    path = write(
        tmp_path / "x", [example(image=png(0), blurred=png(1), sharp=png(2, (30, 22)))]
    )
    assert not open_shard(path, IMAGE).problems
    (problem,) = open_shard(path, ("blurred", "sharp")).problems
    assert problem == "x__0: blurred and sharp differ in size"


def test_a_picture_whose_header_is_damaged_is_named_by_its_record(tmp_path):
    path = write(tmp_path / "x", [example(image=png(0)), example(image=b"no picture")])
    (problem,) = open_shard(path, IMAGE).problems
    assert problem.startswith("x__1")


def test_a_picture_whose_pixels_are_damaged_is_named_by_its_record(tmp_path):
    path = write(tmp_path / "x", [example(image=png(0)), example(image=png(1)[:-30])])
    opened = open_shard(path, IMAGE)
    (problem,) = opened.problems
    assert problem.startswith("x__1: damaged") and opened.troubled.tolist() == [1]
    assert opened.sizes.tolist() == [[20, 22], [0, 0]]


def flip(path, position):
    """Changes a byte of a file; neither its size nor its time tells."""
    status = os.stat(path)
    data = bytearray(Path(path).read_bytes())
    data[position] ^= 1
    Path(path).write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def big(tmp_path):
    """A file that its ends do not recognise: a record lies far from both."""
    path = tmp_path / "set-train.tfrecord-00000-of-00001"
    contents = [photo(300, 300, number) for number in range(3)]
    data = [images.encode(images.Picture(x)) for x in contents]
    return write(path, [example(image=x) for x in data])


def test_a_byte_that_changes_in_a_set_is_noticed_when_its_record_is_read(tmp_path):
    path = big(tmp_path)
    first = open_shard(path, IMAGE)
    flip(path, int(first.offsets[1]) + 50_000)
    opened = open_shard(path, IMAGE)
    opened.read(0, IMAGE)
    for shard in (first, opened):
        with pytest.raises(DataError, match=r"00000-of-00001: record 1 .*checksum"):
            shard.read(1, IMAGE)


def test_a_set_that_was_changed_since_its_index_is_checked_before_it_is_read(tmp_path):
    path = big(tmp_path)
    first = open_shard(path, IMAGE)
    flip(path, int(first.offsets[1]) + 50_000)
    os.utime(path)
    with pytest.raises(tf.errors.DataLossError, match="corrupted"):
        open_shard(path, IMAGE)


def test_a_copied_set_is_checked_once_by_its_index(tmp_path, monkeypatch):
    path = big(tmp_path)
    open_shard(path, IMAGE)
    os.utime(path)
    open_shard(path, IMAGE)
    monkeypatch.delattr(Shard, "is_whole")
    assert len(open_shard(path, IMAGE)) == 3


def test_what_was_packed_is_not_decoded_again(shard, monkeypatch):
    monkeypatch.delattr(images, "decode_size")
    with pytest.raises(AttributeError):
        open_shard(shard, IMAGE)
    monkeypatch.undo()
    whole = open_shard(shard, IMAGE)
    index_of(shard).unlink()
    again = open_shard(shard, IMAGE, sound=True)
    assert again.sizes.tolist() == whole.sizes.tolist()


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
