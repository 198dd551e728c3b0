"""What the blind methods share: scales, the care of a kernel, window and clock."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from skimage import data

from deblurgan_tf.deconvolution.blind import scales, window
from deblurgan_tf.deconvolution.blind.clock import Clock, OutOfTime
from deblurgan_tf.errors import DataError


def placed(entries: dict[tuple[int, int], float], side: int = 9) -> np.ndarray:
    kernel = np.zeros((side, side))
    for place, value in entries.items():
        kernel[place] = value
    return kernel


@pytest.mark.parametrize("largest", [3, 5, 9, 35, 65])
def test_sides_are_odd_and_grow_by_at_most_half(largest):
    sides = scales.kernel_sides(largest)
    assert sides[0] == scales.SMALLEST and sides[-1] == largest
    assert all(side % 2 == 1 for side in sides)
    for before, after in itertools.pairwise(sides):
        assert before < after <= max(before + 2, 1.75 * before)


@pytest.mark.parametrize("largest", [-3, 1, 2, 8])
def test_a_size_that_is_even_or_too_small_is_refused(largest):
    with pytest.raises(ValueError, match=f"odd, 3 or more; got {largest}"):
        scales.kernel_sides(largest)


def test_pictures_shrink_with_their_kernels():
    grey = data.camera()[:130, :190] / 255.0
    shares = []
    for share, side, picture in scales.scales(grey, 25):
        shares.append(share)
        assert picture.shape == (round(130 * side / 25), round(190 * side / 25))
        assert picture.mean() == pytest.approx(grey.mean(), abs=0.01)
    assert shares[0] == 0.0 and shares == sorted(set(shares)) and shares[-1] < 1.0
    assert np.array_equal(picture, grey)


def test_coarse_to_fine_hands_the_kernel_on_and_reports():
    sides, shares = [], []

    def step(picture, kernel, fineness):
        assert kernel.shape[0] == round(fineness * 15)
        assert kernel.sum() == pytest.approx(1.0) and kernel.min() >= 0.0
        sides.append(kernel.shape[0])
        return kernel

    kernel = scales.coarse_to_fine(
        np.zeros((40, 50)), 15, step, Clock(progress=shares.append)
    )
    assert sides == scales.kernel_sides(15)
    assert kernel.shape == (15, 15)
    assert shares == sorted(shares) and shares[-1] == 1.0


def test_an_enlarged_kernel_is_the_same_kernel_in_smaller_pixels():
    axis = np.arange(9) - 4.0
    bell = np.exp(-(axis**2) / 4.0)
    kernel = np.outer(bell, bell) / bell.sum() ** 2
    finer = scales.enlarged(kernel, 13)
    place = (np.arange(13) - 6.0) * 9 / 13
    expected = np.exp(-(place**2) / 4.0)
    expected = np.outer(expected, expected) / expected.sum() ** 2
    assert finer.sum() == pytest.approx(1.0)
    assert np.abs(finer - expected).max() < 0.05 * expected.max()
    assert scales.enlarged(kernel, 9) is kernel


def test_cleaned_drops_weak_entries_and_islands_and_centres():
    path = {(1, 1): 0.5, (2, 2): 0.5, (2, 3): 0.01}
    kernel = scales.cleaned(placed({**path, (7, 7): 0.06, (7, 1): 0.3}))
    # (2, 3) is weak, (7, 7) light and alone; (7, 1) is alone, but heavy.
    assert np.count_nonzero(kernel) == 3
    assert kernel.sum() == pytest.approx(1.0)
    assert kernel.max() == pytest.approx(0.5 / 1.3)
    again = scales.cleaned(kernel)
    np.testing.assert_allclose(again, kernel, atol=1e-12)


def test_cleaned_keeps_the_heaviest_of_many_islands():
    corners = {(0, 0): 0.3, (0, 8): 0.25, (8, 0): 0.25, (8, 8): 0.2}
    kernel = scales.cleaned(placed(corners), island=0.9)
    assert kernel[4, 4] == 1.0


def test_centred_moves_the_centroid_to_the_middle():
    kernel = scales.centred(placed({(0, 1): 0.25, (0, 2): 0.5, (0, 3): 0.25}))
    np.testing.assert_array_equal(
        kernel, placed({(4, 3): 0.25, (4, 4): 0.5, (4, 5): 0.25})
    )
    # The heavy end can not come to the middle without losing the light one.
    reaching = placed({(4, 0): 0.9, (4, 7): 0.1})
    moved = scales.centred(reaching)
    assert moved.sum() == pytest.approx(1.0) and moved[4, 1] == 0.9


def test_nothing_is_no_kernel():
    with pytest.raises(DataError, match="too little structure"):
        scales.normalised(np.zeros((3, 3)))


def test_the_window_is_where_the_texture_is(monkeypatch):
    monkeypatch.setattr(window, "SIDE", 40)
    grey = np.full((90, 120), 0.5)
    texture = np.random.default_rng(0).random((40, 40))
    grey[37:77, 61:101] = texture
    np.testing.assert_array_equal(window.most_textured(grey, 5), texture)
    assert window.most_textured(grey, 15).shape == (90, 120)  # 8 kernels wide
    assert window.most_textured(grey[:30], 5).shape == (30, 40)


def test_the_clock_stops_late_work_and_reports_the_rest():
    shares = []
    clock = Clock(60.0, shares.append)
    clock.tick(0.25)
    clock.check()
    assert shares == [0.25]
    with pytest.raises(OutOfTime, match="limit of 0 seconds"):
        Clock(0.0, shares.append).tick(0.5)
    assert shares == [0.25]
