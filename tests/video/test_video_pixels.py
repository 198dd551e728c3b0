"""Between stored frames and upright RGB: orientation and colours."""

from __future__ import annotations

import numpy as np
import pytest

try:
    import av
except ImportError:
    av = None

needs_av = pytest.mark.skipif(av is None, reason="needs the extra video (PyAV)")

ONE = 65536  # of the fixed-point numbers in a display matrix


@needs_av
def test_orientations_are_those_of_the_display_matrix():
    from deblurgan_tf.video.pixels import Orientation

    stored = np.arange(2 * 3 * 3).reshape(2, 3, 3)
    for numbers in ((1, 0, 0, 1), (-1, 0, 0, 1), (1, 0, 0, -1), (-1, 0, 0, -1)):
        for a, b, c, d in (numbers, (*numbers[1:3], numbers[0], numbers[3])):
            if a == 0 and d != 0:  # the transposed kind: b and c hold the signs
                a, b, c, d = 0, numbers[0], numbers[3], 0
            matrix = (a * ONE, b * ONE, 0, c * ONE, d * ONE, 0, 0, 0, 1 << 30)
            orientation = Orientation.of(matrix)
            shown = orientation.upright(stored)
            assert np.array_equal(orientation.stored(shown), stored)
            # By the definition: pixel (x, y) goes to (a x + c y, b x + d y), moved so
            # that the smallest is 0.
            places = {
                (a * x + c * y, b * x + d * y): stored[y, x]
                for y in range(2)
                for x in range(3)
            }
            left = min(x for x, _ in places)
            top = min(y for _, y in places)
            for (x, y), value in places.items():
                assert np.array_equal(shown[y - top, x - left], value)


@needs_av
def test_colours_go_there_and_back_by_the_streams_own_matrix():
    from deblurgan_tf.video.pixels import Colours

    # Rec. 709 and 601 luma of pure green, video range: 16 + 219 * weight.
    green = np.zeros((8, 8, 3), np.uint8)
    green[..., 1] = 255
    for matrix, luma in ((1, 16 + 219 * 0.7152), (6, 16 + 219 * 0.587)):
        frame = av.VideoFrame(8, 8, "yuv444p")
        frame.colorspace, frame.color_range = matrix, 1
        colours = Colours.of(frame)
        made = colours.to_frame(green, "yuv444p")
        values = np.frombuffer(made.planes[0], np.uint8)
        assert abs(int(values[0]) - luma) <= 1
        assert np.abs(colours.to_array(made).astype(int) - green).max() <= 2
    assert Colours.of(av.VideoFrame(1280, 720, "yuv420p")).matrix == 1
    assert Colours.of(av.VideoFrame(640, 480, "yuv420p")).matrix == 5
