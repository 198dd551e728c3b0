"""Every source gives the right pictures in an order that a resumed run repeats."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from helpers.pictures import coded, energy, paired, photo, photos, save, softened
from helpers.places import REFERENCE
from helpers.trainings import same, take, tiny

from deblurgan_tf.blur.degradation import degradation
from deblurgan_tf.data import open_source, training_batches
from deblurgan_tf.data.holdout import hold_out
from deblurgan_tf.data.mix import BLOCK, Mix
from deblurgan_tf.data.plates.render import render_plate
from deblurgan_tf.data.source import Items
from deblurgan_tf.errors import DataError
from deblurgan_tf.training.validation import Validation


def opened(**data):
    """The source of a config; crops of 16x16 and no validation unless given."""
    data = {"crop": [16, 16], "validation": 0, "batch": 1} | data
    return open_source(tiny(data=data, train={"steps": 6}))


def numbers(samples):
    """The numbers of the coded pictures that samples were cut from."""
    return [int(sample["sharp"][0, 0, 2]) for sample in samples]


def coded_folder(folder, count, size=(20, 22)):
    for number in range(count):
        save(folder / f"{number:02d}.png", coded(*size, number))
    return folder


# Pixels: the right ones, both pictures at the same place.


def test_a_crop_of_a_folder_holds_the_files_pixels_and_is_not_paired(tmp_path):
    coded_folder(tmp_path, 3)
    for sample in take(opened(source="folder", path=str(tmp_path)), 9):
        sharp = sample["sharp"]
        assert sharp.dtype == np.uint8 and sharp.shape == (16, 16, 3)
        top, left, number = (int(x) for x in sharp[0, 0])
        whole = coded(20, 22, number)
        assert np.array_equal(sharp, whole[top : top + 16, left : left + 16])
        assert np.array_equal(sample["blurred"], sharp)
        assert not sample["paired"]


@pytest.mark.parametrize("flip", [False, True])
def test_both_pictures_of_a_pair_are_cut_and_flipped_alike(tmp_path, flip):
    for number in range(3):
        save(tmp_path / "sharp" / f"{number}.png", coded(20, 22, number))
        save(tmp_path / "blurred" / f"{number}.png", coded(20, 22, number + 100))
    mirrored = 0
    for sample in take(opened(source="pairs", path=str(tmp_path)), 30, flip=flip):
        blurred, sharp = sample["blurred"], sample["sharp"]
        assert sample["paired"]
        assert np.array_equal(blurred[..., :2], sharp[..., :2])
        assert np.array_equal(blurred[..., 2], sharp[..., 2] + 100)
        is_mirrored = sharp[0, 0, 1] > sharp[0, 1, 1]
        mirrored += is_mirrored
        straight = sharp[:, ::-1] if is_mirrored else sharp
        top, left, number = (int(x) for x in straight[0, 0])
        whole = coded(20, 22, number)
        assert np.array_equal(straight, whole[top : top + 16, left : left + 16])
    assert (mirrored > 0) == flip


def test_half_of_the_samples_are_flipped_when_asked_and_none_otherwise(tmp_path):
    source = opened(source="folder", path=str(coded_folder(tmp_path, 2)))

    def flipped(flip):
        samples = take(source, 400, flip=flip)
        return sum(int(x["sharp"][0, 0, 1]) > x["sharp"][0, 1, 1] for x in samples)

    assert flipped(False) == 0
    assert 150 < flipped(True) < 250  # 200 +- 5 standard deviations


def test_every_place_of_a_crop_is_reached_the_last_one_too(tmp_path):
    source = opened(source="folder", path=str(coded_folder(tmp_path, 1, size=(18, 19))))
    places = {tuple(x["sharp"][0, 0, :2].tolist()) for x in take(source, 300)}
    assert places == set(itertools.product(range(3), range(4)))


def test_a_picture_of_the_crops_size_is_used_whole(tmp_path):
    source = opened(source="folder", path=str(coded_folder(tmp_path, 1, size=(16, 16))))
    assert np.array_equal(take(source, 1)[0]["sharp"], coded(16, 16, 0))


# Order: blurred before sharp; epochs; the same after a restart.


def layouts(root):
    """Sharp and blurred pictures in each layout of `pairs`: (layout, folder)."""
    paired(root / "folders", 3)
    paired(root / "gopro" / "train" / "A", 2, blurred="blur")
    paired(root / "gopro" / "train" / "B", 1, blurred="blur")
    paired(root / "gopro_gamma" / "A", 3, blurred="blur_gamma")
    for number in range(3):
        picture = photo(40, 44, number)
        both = np.concatenate([softened(picture), picture], 1)
        save(root / "side_by_side" / f"{number}.png", both)
    return ("folders", "gopro", "gopro_gamma", "side_by_side")


def test_blurred_comes_before_sharp_in_every_layout_of_pairs(tmp_path):
    for layout in layouts(tmp_path):
        source = opened(source="pairs", path=str(tmp_path / layout), layout=layout)
        assert source.size == 3, layout
        for sample in take(source, 3, crop=(32, 32)):
            assert sample["paired"], layout
            assert energy(sample["blurred"]) < 0.8 * energy(sample["sharp"]), layout


def test_the_two_gopro_layouts_read_their_own_blurred_folder(tmp_path):
    for name, number in (("blur", 1), ("blur_gamma", 2), ("sharp", 0)):
        save(tmp_path / "test" / "A" / name / "000001.png", coded(16, 16, number))
    for layout, number in (("gopro", 1), ("gopro_gamma", 2)):
        source = opened(source="pairs", path=str(tmp_path), layout=layout)
        (sample,) = take(source, 1)
        assert np.array_equal(sample["blurred"], coded(16, 16, number))
        assert np.array_equal(sample["sharp"], coded(16, 16, 0))
        assert [item.name for item in source.training] == ["test/A/000001.png"]


def test_the_left_half_of_side_by_side_pictures_is_the_blurred_one(tmp_path):
    both = np.concatenate([coded(16, 16, 100), coded(16, 16, 0)], 1)
    save(tmp_path / "both.png", both)
    source = opened(source="pairs", path=str(tmp_path), layout="side_by_side")
    (sample,) = take(source, 1)
    assert np.array_equal(sample["blurred"], coded(16, 16, 100))
    assert np.array_equal(sample["sharp"], coded(16, 16, 0))


def test_folders_and_plates_are_blurred_before_they_are_validated_on(tmp_path):
    photos(tmp_path, 4)
    config = tiny(blur={"canvas": 15, "length": 12, "exposures": [1.0]})
    how = degradation(config.blur, seed=0)

    for source in (
        opened(source="folder", path=str(tmp_path), validation=3),
        opened(crop=[32, 64], validation=3),
    ):
        assert len(source.validation) == 3
        for triplet in Validation(source.validation, how, 0).triplets(np.copy):
            assert np.array_equal(triplet.blurred, triplet.restored)
            assert energy(triplet.blurred) < 0.9 * energy(triplet.sharp)


def test_an_epoch_shows_every_picture_once_and_the_next_in_another_order(tmp_path):
    source = opened(source="folder", path=str(coded_folder(tmp_path, 12)))
    assert source.size == 12
    seen = numbers(take(source, 36))
    epochs = [seen[:12], seen[12:24], seen[24:]]
    for epoch in epochs:
        assert sorted(epoch) == list(range(12))
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]


def test_another_seed_gives_another_order_and_the_same_seed_the_same(tmp_path):
    source = opened(source="folder", path=str(coded_folder(tmp_path, 12)))
    assert numbers(take(source, 12, seed=1)) != numbers(take(source, 12, seed=2))
    assert same(take(source, 20, seed=1), take(source, 20, seed=1))


def test_crops_and_flips_are_not_the_same_in_every_epoch(tmp_path):
    source = opened(source="folder", path=str(coded_folder(tmp_path, 1)))
    samples = take(source, 20, flip=True)
    places = {tuple(sample["sharp"][0, 0].tolist()) for sample in samples}
    assert len(places) > 10


def sources_of_every_kind(root):
    photos(root / "photos", 5)
    paired(root / "pairs", 4)
    parts = [
        {"weight": 2, "source": "folder", "path": str(root / "photos")},
        {"weight": 1, "source": "pairs", "path": str(root / "pairs")},
        {"weight": 1, "source": "plates", "count": 3},
        {"weight": 1, "source": "plates", "count": None},
    ]
    return {
        "folder": {"source": "folder", "path": str(root / "photos")},
        "pairs": {"source": "pairs", "path": str(root / "pairs")},
        "plates": {"source": "plates", "count": 5},
        "endless plates": {"source": "plates", "count": None},
        "mix": {"source": "mix", "mix": parts},
    }


@pytest.mark.parametrize("kind", ["folder", "pairs", "plates", "endless plates", "mix"])
def test_a_training_that_starts_at_any_sample_goes_on_as_a_straight_one(tmp_path, kind):
    data = sources_of_every_kind(tmp_path)[kind] | {"validation": 1}
    # Opened anew for each start, as in a new process.
    straight = take(opened(**data), 14, seed=3, flip=True)
    for start in (1, 4, 5, 13):
        resumed = take(opened(**data), 14 - start, start=start, seed=3, flip=True)
        assert same(resumed, straight[start:]), start


def test_batches_from_a_step_on_are_those_of_a_straight_training(tmp_path):
    photos(tmp_path, 5)
    config = tiny(
        data={"source": "folder", "path": str(tmp_path), "batch": 3, "validation": 0}
    )

    def batches(start, count):
        found = training_batches(open_source(config), config, start)
        return list(itertools.islice(found, count))

    straight = batches(0, 5)
    assert [x["position"].numpy().tolist() for x in straight[:2]] == [
        [0, 1, 2],
        [3, 4, 5],
    ]
    assert straight[0]["sharp"].shape == (3, 32, 32, 3)
    assert same(batches(2, 3), straight[2:])


def test_a_mix_goes_on_where_it_stopped_across_a_block_of_choices(tmp_path):
    data = sources_of_every_kind(tmp_path)["mix"]
    straight = take(opened(**data), 6, start=BLOCK - 3)
    assert same(take(opened(**data), 2, start=BLOCK + 1), straight[4:])


# Pictures that cannot be used.


def test_pictures_below_the_crop_are_left_out_with_a_warning_that_names_them(tmp_path):
    coded_folder(tmp_path, 3)
    save(tmp_path / "low.png", coded(15, 60, 50))
    save(tmp_path / "narrow.png", coded(60, 15, 51))
    with pytest.warns(UserWarning, match="2 of 5 pictures") as caught:
        source = opened(source="folder", path=str(tmp_path))
    message = str(caught[0].message)
    assert str(tmp_path / "low.png") in message
    assert str(tmp_path / "narrow.png") in message
    assert source.size == 3
    assert set(numbers(take(source, 12))) == {0, 1, 2}


def test_small_pairs_are_left_out_with_a_warning(tmp_path):
    paired(tmp_path, 2)
    for name in ("blurred", "sharp"):
        save(tmp_path / name / "small.png", coded(10, 40, 0))
    with pytest.warns(UserWarning, match=r"1 of 3 pictures.*small\.png"):
        assert opened(source="pairs", path=str(tmp_path)).size == 2


def test_only_small_pictures_are_an_error_that_tells_a_crop_that_works(tmp_path):
    photos(tmp_path, 2, size=(20, 24))
    with pytest.raises(DataError, match=r"all 2 pictures.*data\.crop.*\[20, 24\]"):
        opened(source="folder", path=str(tmp_path), crop=[32, 32])


def test_side_by_side_halves_are_what_must_hold_the_crop(tmp_path):
    save(tmp_path / "both.png", coded(40, 60, 0))
    with pytest.raises(DataError, match="all 1 pictures"):
        opened(source="pairs", path=str(tmp_path), layout="side_by_side", crop=[32, 32])


@pytest.mark.parametrize("source", ["folder", "pairs"])
def test_a_missing_folder_is_named(tmp_path, source):
    missing = tmp_path / "nowhere"
    with pytest.raises(DataError, match=f"{missing}: there is no such folder"):
        opened(source=source, path=str(missing))
    with pytest.raises(DataError, match="--set data.path=DIR"):
        opened(source=source, path=None)


@pytest.mark.parametrize(
    ("layout", "expected"),
    [
        ("folders", "blurred/ and sharp/"),
        ("gopro", "blur/ and sharp/ in each sequence"),
        ("gopro_gamma", "blur_gamma/ and sharp/"),
        ("side_by_side", "there are no pictures"),
    ],
)
def test_an_empty_folder_of_pairs_says_what_it_needs(tmp_path, layout, expected):
    with pytest.raises(DataError, match=expected):
        opened(source="pairs", path=str(tmp_path), layout=layout)


def test_folders_without_pictures_are_an_error(tmp_path):
    (tmp_path / "note.txt").write_text("no picture")
    with pytest.raises(DataError, match="there are no pictures in this folder"):
        opened(source="folder", path=str(tmp_path))
    (tmp_path / "blurred").mkdir()
    (tmp_path / "sharp").mkdir()
    with pytest.raises(DataError, match="there are no pictures in this folder"):
        opened(source="pairs", path=str(tmp_path))


def test_all_pictures_without_a_mate_are_listed(tmp_path):
    paired(tmp_path, 2)
    alone = [
        save(tmp_path / "blurred" / "b.png", coded(20, 20, 0)),
        save(tmp_path / "sharp" / "s.png", coded(20, 20, 0)),
        save(tmp_path / "sharp" / "00.jpg", coded(20, 20, 0)),
    ]
    with pytest.raises(DataError, match="without a mate") as caught:
        opened(source="pairs", path=str(tmp_path))
    listed = str(caught.value).splitlines()[1:]
    assert sorted(listed) == sorted(str(path) for path in alone)


def test_all_pairs_of_unequal_size_are_listed(tmp_path):
    paired(tmp_path, 3)
    for name in ("00.png", "02.png"):
        save(tmp_path / "blurred" / name, coded(40, 43, 0))
    with pytest.raises(DataError, match="differ in size") as caught:
        opened(source="pairs", path=str(tmp_path))
    first, *rest = str(caught.value).splitlines()[1:]
    assert "00.png (40, 43)" in first and "00.png (40, 44)" in first
    assert len(rest) == 1 and "02.png" in rest[0]


def test_a_picture_that_is_cut_during_a_training_is_named_in_one_line(tmp_path):
    path = save(tmp_path / "short.png", photo(60, 60, 0))
    config = tiny(data={"source": "folder", "path": str(tmp_path), "validation": 0})
    batches = training_batches(open_source(config), config, 0)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DataError, match="short.png: damaged or cut short") as caught:
        next(batches)
    assert "\n" not in str(caught.value)


def test_a_pair_whose_sizes_part_during_a_training_is_named(tmp_path):
    paired(tmp_path, 1, size=(60, 64))
    config = tiny(data={"source": "pairs", "path": str(tmp_path), "validation": 0})
    batches = training_batches(open_source(config), config, 0)
    save(tmp_path / "blurred" / "00.png", photo(64, 60, 0))
    with pytest.raises(DataError, match=r"00\.png: has 60x64.*blurred picture 64x60"):
        next(batches)


def test_a_picture_that_shrinks_during_a_training_is_named(tmp_path):
    path = save(tmp_path / "one.png", photo(60, 60, 0))
    config = tiny(data={"source": "folder", "path": str(tmp_path), "validation": 0})
    source = open_source(config)
    save(path, photo(20, 60, 0))
    with pytest.raises(DataError, match=r"one\.png: has 20x60.*crop of 32x32"):
        next(training_batches(source, config, 0))


def test_all_side_by_side_pictures_of_an_odd_width_are_listed(tmp_path):
    save(tmp_path / "even.png", coded(20, 40, 0))
    odd = [save(tmp_path / name, coded(20, 41, 0)) for name in ("a.png", "b.png")]
    with pytest.raises(DataError, match="odd width") as caught:
        opened(source="pairs", path=str(tmp_path), layout="side_by_side")
    assert str(caught.value).splitlines()[1:] == [str(path) for path in odd]


# Which pictures, and how large.


def test_scale_one_half_halves_both_sides_by_the_mean_of_the_pixels(tmp_path):
    small = photo(16, 20, 5)
    save(tmp_path / "large.png", small.repeat(2, axis=0).repeat(2, axis=1))
    source = opened(source="folder", path=str(tmp_path), scale=0.5)
    for sample in take(source, 4):
        (left,) = [
            x for x in range(5) if np.array_equal(sample["sharp"], small[:, x : x + 16])
        ]
        assert 0 <= left <= 4


def test_scale_downsamples_both_pictures_of_a_pair_and_counts_for_the_crop(tmp_path):
    paired(tmp_path, 1, size=(40, 44))
    (sample,) = take(
        opened(source="pairs", path=str(tmp_path), scale=0.5), 1, crop=(20, 22)
    )
    assert sample["blurred"].shape == sample["sharp"].shape == (20, 22, 3)
    assert energy(sample["blurred"]) < energy(sample["sharp"])
    with pytest.raises(DataError, match="all 1 pictures"):
        opened(source="pairs", path=str(tmp_path), scale=0.25)


def test_include_chooses_files_by_their_path_below_the_folder(tmp_path):
    coded_folder(tmp_path / "A" / "sharp", 2)
    save(tmp_path / "A" / "blur" / "00.png", coded(20, 20, 99))
    data = {"source": "folder", "path": str(tmp_path)}
    source = opened(**data, include="*/sharp/*")
    assert {item.name for item in source.training} == {
        "A/sharp/00.png",
        "A/sharp/01.png",
    }
    with pytest.raises(DataError, match=r"fit data\.include '\*\.tif'"):
        opened(**data, include="*.tif")


# Pictures that are held out.


def test_the_validation_pictures_are_chosen_by_hashes_that_never_change():
    names = [f"{number:02d}.png" for number in range(10)]
    expected = {"02.png", "03.png", "06.png"}  # as it was in the first release
    assert hold_out(names, 3) == expected
    assert hold_out(reversed(names), 3) == expected
    assert hold_out(names, 0) == set()


def test_validation_and_training_share_no_picture_and_new_files_move_few(tmp_path):
    coded_folder(tmp_path, 10)
    source = opened(source="folder", path=str(tmp_path), validation=4)
    held_out = {item.name for item in source.validation}
    assert len(held_out) == 4 and source.size == 6
    assert held_out.isdisjoint(item.name for item in source.training)
    trained = {f"{number:02d}.png" for number in numbers(take(source, 24))}
    assert trained == {item.name for item in source.training}
    save(tmp_path / "new.png", coded(20, 20, 77))
    again = opened(source="folder", path=str(tmp_path), validation=4)
    assert len(held_out & {item.name for item in again.validation}) >= 3


def test_holding_out_all_pictures_is_an_error(tmp_path):
    coded_folder(tmp_path, 3)
    with pytest.raises(
        DataError,
        match=r"3 pictures.*data\.validation holds out 3.*lower data\.validation",
    ):
        opened(source="folder", path=str(tmp_path), validation=3)


def test_the_names_of_pairs_decide_what_is_held_out_in_any_folder(tmp_path):
    one = opened(source="pairs", path=str(paired(tmp_path / "a", 6)), validation=2)
    two = opened(source="pairs", path=str(paired(tmp_path / "b", 6)), validation=2)
    assert [x.name for x in one.validation] == [x.name for x in two.validation]


# Mixes.


def test_no_part_of_a_mix_trains_on_what_another_holds_out(tmp_path):
    # The same sharp files under other names, so that the hashes choose others.
    paired(tmp_path / "set", 12)
    parts = [
        {"weight": 1, "source": "pairs", "path": str(tmp_path / "set")},
        {"weight": 1, "source": "folder", "path": str(tmp_path / "set" / "sharp")},
        {
            "weight": 1,
            "source": "folder",
            "path": str(tmp_path),
            "include": "set/sharp/*",
        },
    ]
    source = opened(source="mix", mix=parts, validation=9)
    held_out = {item.sharp_file for item in source.validation}
    assert len(source.validation) == 9 and 3 < len(held_out) < 12
    for part in source.sources:
        assert isinstance(part, Items)
        assert part.size == 12 - len(held_out)
        assert held_out.isdisjoint(item.sharp_file for item in part.training)


def test_a_part_of_a_mix_that_is_left_without_pictures_is_an_error(tmp_path):
    photos(tmp_path / "all", 4)
    part = {"source": "folder", "path": str(tmp_path / "all")}
    parts = [
        {"weight": 3, **part},
        {"weight": 1, **part, "include": "0[0123].png"},
        {"weight": 3, "source": "folder", "path": str(tmp_path), "include": "*/*.png"},
    ]
    with pytest.raises(DataError, match=r"data\.mix\.\d: all of its pictures"):
        opened(source="mix", mix=parts, validation=7)


def test_a_mix_draws_near_its_weights_and_keeps_the_epochs_of_its_parts(tmp_path):
    coded_folder(tmp_path / "a", 10)
    for number in range(10):
        save(tmp_path / "b" / f"{number}.png", coded(20, 22, 100 + number))
    parts = [
        {"weight": 3, "source": "folder", "path": str(tmp_path / "a")},
        {"weight": 1, "source": "folder", "path": str(tmp_path / "b")},
    ]
    source = opened(source="mix", mix=parts)
    assert source.size == 20
    seen = numbers(take(source, 400))
    first = [number for number in seen if number < 100]
    assert 257 < len(first) < 343  # 300 +- 5 standard deviations
    for epoch in range(len(first) // 10):
        assert sorted(first[epoch * 10 : epoch * 10 + 10]) == list(range(10))


def test_every_sample_of_a_mix_has_its_own_place_however_it_is_asked_for():
    mixed = Mix(sources=(), shares=(0.1, 5.0, 0.7, 2.0), validation=[])
    end = 2 * BLOCK + 5
    places = [mixed.place(0, number) for number in range(end)]
    chosen = np.array([source for source, _ in places])
    for source in range(4):
        taken = [place for of, place in places if of == source]
        assert taken == list(range(len(taken)))  # none twice, none left out
    shares = np.bincount(chosen, minlength=4) / end
    assert np.allclose(shares, np.array(mixed.shares) / sum(mixed.shares), atol=0.03)
    for number in (2 * BLOCK, BLOCK, BLOCK - 1, 0):
        assert mixed.place(0, number) == places[number]
    assert [mixed.place(1, number)[0] for number in range(99)] != list(chosen[:99])


def test_a_mix_with_an_endless_part_is_endless(tmp_path):
    parts = [
        {"weight": 1, "source": "folder", "path": str(photos(tmp_path, 3))},
        {"weight": 1, "source": "plates", "count": None},
    ]
    assert opened(source="mix", mix=parts).size is None


def test_a_source_says_whether_all_of_it_are_pairs(tmp_path):
    kinds = sources_of_every_kind(tmp_path)
    found = {kind: opened(**data).paired for kind, data in kinds.items()}
    assert found == {
        "folder": False,
        "pairs": True,
        "plates": False,
        "endless plates": False,
        "mix": False,
    }
    pairs = {"weight": 1} | kinds["pairs"]
    mixed = opened(source="mix", mix=[pairs, pairs], validation=1)
    assert mixed.paired
    assert [source.paired for source in mixed.sources] == [True, True]


# Plates.


def test_validation_plates_come_with_their_texts_and_are_not_trained_on():
    source = opened(count=4, validation=3, crop=[32, 64])
    again = opened(count=9, validation=3, crop=[32, 64])
    trained = [item.load()[1].tobytes() for item in source.training]
    for item, same_item in zip(source.validation, again.validation, strict=True):
        blurred, sharp = item.load()
        assert blurred is None
        assert sharp.tobytes() not in trained
        assert item.text and item.text.isalnum() and item.text.isupper()
        assert (same_item.name, same_item.text) == (item.name, item.text)
        assert np.array_equal(same_item.load()[1], sharp)
    assert len({item.text for item in source.validation}) == 3


def test_the_text_of_a_validation_plate_is_the_one_that_is_drawn(monkeypatch):
    drawn = []

    def render(seed, *size):
        image, text = render_plate(seed, *size)
        drawn.append(text)
        return image, text

    monkeypatch.setattr("deblurgan_tf.data.plates.source.render_plate", render)
    source = opened(count=2, validation=4, crop=[16, 32])
    for item in source.validation:
        item.load()
    assert drawn == [item.text for item in source.validation]


def test_a_fixed_set_repeats_its_plates_and_an_endless_one_never_does():
    def pictures(count, number):
        source = opened(count=count, crop=[16, 32])
        return [x["sharp"].tobytes() for x in take(source, number, crop=(16, 32))]

    fixed = pictures(6, 18)
    assert len(set(fixed)) == 6
    assert set(fixed[:6]) == set(fixed[6:12]) == set(fixed[12:])
    assert len(set(pictures(None, 40))) == 40


def test_plates_fill_the_crop_with_8_bit_values_of_a_wide_range():
    source = opened(count=5, crop=[32, 64])
    assert source.size == 5
    for sample in take(source, 5, crop=(32, 64)):
        assert sample["sharp"].dtype == np.uint8
        assert sample["sharp"].shape == (32, 64, 3)
        assert not sample["paired"]
        assert int(sample["sharp"].max()) - int(sample["sharp"].min()) > 40


def test_another_seed_of_the_config_gives_other_plates():
    def first(seed):
        config = tiny(seed=seed, data={"crop": [16, 32], "count": 1})
        return open_source(config).training[0].load()[1]

    assert not np.array_equal(first(1), first(2))
    assert np.array_equal(first(1), first(1))


# Real pictures.


@pytest.mark.skipif(
    not (REFERENCE / "bsds" / "val").is_dir(), reason="needs ../shared/data/bsds"
)
def test_a_folder_of_real_photos_is_read():
    source = opened(
        source="folder",
        path=str(REFERENCE / "bsds" / "val"),
        validation=10,
        crop=[256, 256],
        scale=0.85,
    )
    assert source.size == 90 and len(source.validation) == 10
    for sample in take(source, 4, crop=(256, 256), flip=True):
        assert 20 < sample["sharp"].mean() < 235
