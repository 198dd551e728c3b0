from __future__ import annotations

import keras
import numpy as np
import pytest
from helpers.networks import convolutional, narrow_resnet
from helpers.pictures import photo
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

from deblurgan_tf import images
from deblurgan_tf.errors import UsageError
from deblurgan_tf.inference import tiles
from deblurgan_tf.inference.restorer import TILE, Restorer
from deblurgan_tf.models import deblurgan as models
from deblurgan_tf.models.receptive_field import receptive_radius

MARGINS = st.sampled_from([0, 16, 32, 48, 64])
SIZES = st.integers(1, 3000)


@given(SIZES, SIZES, MARGINS, st.integers(0, 700))
@settings(max_examples=200, deadline=None)
def test_a_plan_covers_every_pixel_with_weights_that_sum_to_one(
    height, width, margin, more
):
    tile = tiles.smallest_tile(margin) + more
    plan = tiles.plan(height, width, tile, margin)
    assert plan == tiles.plan(height, width, tile, margin)
    for spans, size in ((plan.rows, height), (plan.columns, width)):
        assert spans[0].start == 0 and spans[-1].stop == size
        starts = [span.start for span in spans]
        assert starts == sorted(set(starts))
        assert all(start % tiles.ALIGN == 0 for start in starts)
        if plan.count > 1:
            assert max(map(len, spans)) <= tile
        total = np.zeros(size)
        for span, weight in zip(spans, tiles.weights(spans, margin), strict=True):
            assert weight.shape == (len(span),) and (weight >= 0).all()
            # What a tile's inner edge makes of missing neighbours is thrown away.
            assert span.start == 0 or not weight[:margin].any()
            assert span.stop == size or not margin or not weight[-margin:].any()
            total[span.start : span.stop] += weight
        np.testing.assert_allclose(total, 1, atol=1e-6)


def test_what_fits_into_one_tile_is_one_whatever_its_shape():
    assert tiles.plan(720, 1280, TILE, 64).count == 1
    assert tiles.plan(TILE, TILE, TILE, 64).count == 1
    assert tiles.plan(TILE, TILE + 1, TILE, 64).count == 2
    assert tiles.plan(16, 60_000, TILE, 64).count == 1
    # A line of one pixel is padded to sixteen inside the model.
    assert tiles.plan(1, 100_000, TILE, 64).count > 1
    # 12 megapixels, as a phone takes them.
    assert tiles.plan(3024, 4032, TILE, 64).as_dict() == {
        "grid": [4, 5],
        "size": [896, 960],
        "overlap": 160,
    }


def test_too_small_a_tile_is_refused_with_the_smallest_that_works():
    with pytest.raises(UsageError, match="at least 256 pixels .* got 255"):
        tiles.plan(10, 10, 255, 64)
    assert tiles.plan(1000, 10, 256, 64).count == 1
    assert tiles.plan(1000, 1000, 256, 64).count > 100


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("height", "width"), [(301, 407), (500, 90), (77, 803)])
def test_blending_tiles_that_did_not_change_gives_the_same_pixels(height, width, dtype):
    top = np.iinfo(dtype).max
    pixels = np.random.default_rng(0).integers(0, top, (height, width, 3), dtype, True)
    plan = tiles.plan(height, width, tiles.smallest_tile(0), 0)
    assert plan.count > 1
    shares, together = [], []

    def restore(cuts):
        assert len({cut.shape for cut in cuts}) == 1
        together.append(len(cuts))
        return [images.to_float(cut) for cut in cuts]

    result = tiles.restore_tiled(pixels, plan, restore, lambda *_: 3, shares.append)
    np.testing.assert_array_equal(result, pixels)
    assert result.dtype == dtype
    assert shares == sorted(shares) and shares[-1] == 1
    assert max(together) > 1 or len(plan.rows) == 1 or len(plan.columns) == 1
    assert sum(together) == plan.count and max(together) <= 3


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("height", "width"), [(203, 331), (331, 203), (40, 1100)])
def test_tiled_equals_whole_for_a_model_without_global_statistics(height, width, dtype):
    model = convolutional()
    pixels = photo(height, width, 0).astype(dtype)
    if dtype == np.uint16:
        pixels = pixels * np.uint16(257)
    tile = tiles.smallest_tile(tiles.margin_of(receptive_radius(model)))
    tiled = Restorer(model, tile=tile)
    assert tiled.plan(height, width).count > 3
    whole = Restorer(model)
    assert whole.plan(height, width).count == 1
    one, other = (r.restore(pixels).astype(int) for r in (tiled, whole))
    assert np.abs(other - pixels).mean() > 1  # the model does something
    # A sum in another order may fall on the other side of a half.
    assert np.abs(one - other).max() <= 1
    assert (one != other).mean() < 1e-2


@pytest.mark.parametrize("build", [narrow_resnet, convolutional])
def test_a_flat_tile_is_passed_through_only_by_a_model_with_statistics(build):
    model = build()
    pixels = np.full((64, 600, 3), 90, np.uint8)
    pixels[:, 400:] = photo(64, 200, 0)
    tiled = Restorer(
        model, tile=tiles.smallest_tile(tiles.margin_of(receptive_radius(model)))
    )
    result = tiled.restore(pixels)
    assert tiled.plan(64, 600).count > 1
    assert (result[:, 450:] != pixels[:, 450:]).any()
    if build is narrow_resnet:
        assert (result[:, :100] == 90).all()
    else:
        whole = Restorer(model).restore(pixels).astype(int)
        assert np.abs(result - whole).max() <= 1


def looks(model, side=96):
    """How far a change of the middle pixel is seen, by trying."""
    pictures = np.random.default_rng(0).uniform(-0.5, 0.5, (2, side, side, 3))
    pictures[1] = pictures[0]
    middle = side // 2
    pictures[1, middle, middle] += 0.4
    one, other = np.asarray(model(pictures.astype("float32")))
    places = np.argwhere(np.abs(one - other).max(axis=2) > 0)
    return np.abs(places - middle).max()


def chain(*steps):
    picture = keras.Input((None, None, 3))
    x = picture
    for step in steps:
        x = step(x)
    return keras.Model(picture, x)


@pytest.mark.parametrize(
    "model",
    [
        chain(layers.Conv2D(3, 7, padding="same")),
        chain(layers.Conv2D(3, 3, padding="same", dilation_rate=4)),
        chain(
            layers.Conv2D(3, 3, 2, padding="same"),
            layers.Conv2D(3, 5, padding="same"),
            layers.UpSampling2D(2),
        ),
        chain(
            layers.AveragePooling2D(4),
            layers.DepthwiseConv2D(3, padding="same"),
            layers.Conv2DTranspose(3, 4, 4, padding="same"),
        ),
        convolutional(),
    ],
)
def test_the_receptive_radius_bounds_what_a_pixel_changes(model):
    seen = looks(model)
    assert 1 <= seen <= receptive_radius(model) <= 2 * seen + 4


def test_the_receptive_radius_of_deblurgans_generator():
    # 7x7, two halvings, 18 of 3x3 at a quarter, two doublings, 7x7; and a cell of 4.
    assert (
        receptive_radius(models.resnet_generator(width=1))
        == 3 + 1 + 2 + 72 + 4 + 2 + 3 + 4
    )
    assert tiles.margin_of(91) == 64
    assert tiles.margin_of(17) == 32
