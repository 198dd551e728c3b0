"""Which pixel format keeps most, by hand cases."""

import pytest

pytest.importorskip("av", reason="needs the extra video (PyAV)")
from deblurgan_tf.video.pixel_formats import lost, nearest

PRORES = ["yuv422p10le", "yuv444p10le", "yuva444p10le"]
X264 = ["yuv420p", "yuvj420p", "yuv422p", "yuv444p", "yuvj444p", "yuv444p10le", "gray"]
HUFFYUV = ["yuv422p", "rgb24", "bgra"]
AV1 = ["yuv420p", "yuv420p10le"]


@pytest.mark.parametrize(
    ("source", "offered", "chosen"),
    [
        ("yuva444p12le", PRORES, "yuva444p10le"),
        ("yuv444p12le", PRORES, "yuv444p10le"),
        ("yuv422p10le", PRORES, "yuv422p10le"),
        ("yuv420p", PRORES, "yuv422p10le"),
        ("gbrp", X264, "yuvj444p"),
        ("yuva444p12le", X264, "yuv444p10le"),
        ("yuv411p", X264, "yuv422p"),
        ("nv12", X264, "yuv420p"),
        ("pal8", X264, "yuvj444p"),
        ("bgr0", HUFFYUV, "rgb24"),
        ("gbrap", HUFFYUV, "bgra"),
        ("yuv420p", HUFFYUV, "yuv422p"),
        ("gray", AV1, "yuv420p"),
        ("yuv444p10le", AV1, "yuv420p10le"),
        ("rgb24", ["pal8", "monob", "gray"], "gray"),
        ("yuv420p", [], "yuv420p"),
    ],
)
def test_the_nearest_format_keeps_alpha_then_chroma_then_bits(source, offered, chosen):
    full = source in ("gbrp", "pal8", "bgr0", "gbrap", "rgb24")
    assert nearest(source, offered, (96, 64), full, False) == chosen


def test_grey_at_full_range_stays_so():
    offered = ["yuv420p", "yuvj420p"]
    assert nearest("gray", offered, (96, 64), True, False) == "yuvj420p"
    assert nearest("gray", offered, (96, 64), False, False) == "yuv420p"


@pytest.mark.parametrize(
    ("size", "chosen"),
    [((96, 64), "yuv420p"), ((96, 63), "yuv422p"), ((95, 64), "yuv444p")],
)
def test_odd_sizes_have_chroma_that_divides_them(size, chosen):
    assert nearest("yuv420p", X264, size, False, True) == chosen
    assert nearest("yuv420p", X264, size, False, False) == "yuv420p"


def test_no_format_for_a_size_is_none():
    assert nearest("yuv420p", AV1, (95, 64), False, True) is None


@pytest.mark.parametrize(
    ("source", "chosen", "parts"),
    [
        ("yuva444p12le", "yuva444p10le", []),
        ("yuva444p", "yuv444p", ["alpha channel"]),
        ("yuv444p", "yuv420p", ["chroma detail (4:4:4 became 4:2:0)"]),
        ("gbrap", "yuv422p", ["alpha channel", "chroma detail (RGB became 4:2:2)"]),
        ("gbrp", "yuvj444p", []),
        ("yuv411p", "yuv420p", ["chroma detail (4:1:1 became 4:2:0)"]),
        ("gray", "yuv420p", []),
        ("rgb24", "gray", ["chroma detail (RGB became grey)"]),
    ],
)
def test_what_is_not_kept_is_named(source, chosen, parts):
    assert lost(source, chosen) == parts
