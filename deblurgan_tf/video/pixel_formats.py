"""Which pixel format of an encoder keeps most of a video's, and what it loses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from av.video.format import VideoFormat

_NAMES = {
    (0, 0): "4:4:4",
    (1, 0): "4:2:2",
    (1, 1): "4:2:0",
    (0, 1): "4:4:0",
    (2, 0): "4:1:1",
    (2, 2): "4:1:0",
}
_WIDE = 64  # a width of luma that every subsampling divides


@dataclass(frozen=True)
class _Traits:
    """What a pixel format holds.

    subsampled: the chroma's width and height are 1 / 2**n of the luma's. full: RGB, or
    YUV of a name that says full range.
    """

    rgb: bool
    grey: bool
    alpha: bool
    bits: int
    subsampled: tuple[int, int]
    full: bool

    @staticmethod
    def of(name: str) -> _Traits:
        made = VideoFormat(name)
        colours = [part for part in made.components if not part.is_alpha]
        rgb = made.is_rgb or made.has_palette
        grey = len(colours) == 1 and not rgb
        halvings = made.chroma_width(_WIDE), made.chroma_height(_WIDE)
        return _Traits(
            rgb=rgb,
            grey=grey,
            alpha=len(colours) < len(made.components),
            bits=min(part.bits for part in colours),
            # Of a grey picture the coarsest chroma keeps all.
            subsampled=(1, 1) if grey else _exponents(halvings),
            full=rgb or name.startswith("yuvj"),
        )

    @property
    def chroma(self) -> str:
        """How the literature calls it."""
        if self.rgb:
            return "RGB"
        return "grey" if self.grey else _NAMES.get(self.subsampled, "subsampled")


def nearest(
    source: str,
    offered: Sequence[str],
    size: tuple[int, int],
    full_range: bool,
    even_only: bool,
) -> str | None:
    """The format of `offered` that keeps most of `source`; None if none takes the size.

    Alpha counts first, then chroma, then bits; among formats that keep the same, the
    one that adds least. size: width and height, pixels. full_range: luma goes from 0 to
    255. even_only: the encoder takes only sizes that the chroma's subsampling divides.
    """
    if not offered:
        return source
    fitting = [name for name in offered if not even_only or _divides(name, size)]
    if source in fitting:
        return source
    wanted = _Traits.of(source)

    def cost(name: str) -> tuple[int, ...]:
        got = _Traits.of(name)
        axes = list(zip(got.subsampled, wanted.subsampled, strict=True))
        return (
            wanted.alpha and not got.alpha,
            got.grey and not wanted.grey,
            sum(max(one - other, 0) for one, other in axes),
            max(wanted.bits - got.bits, 0),
            got.rgb != wanted.rgb,
            got.alpha and not wanted.alpha,
            sum(abs(one - other) for one, other in axes),
            abs(got.bits - wanted.bits),
            got.full != full_range,
        )

    # Nobody chooses a palette well without looking at all frames.
    usable = [name for name in fitting if not VideoFormat(name).has_palette]
    return min(usable, key=cost, default=None)


def lost(source: str, chosen: str) -> list[str]:
    """What of the pictures a format does not keep, for `VideoReport.left_out`."""
    had, has = _Traits.of(source), _Traits.of(chosen)
    parts = []
    if had.alpha and not has.alpha:
        parts.append("alpha channel")
    coarser = any(
        one > other for one, other in zip(has.subsampled, had.subsampled, strict=True)
    )
    if coarser or (has.grey and not had.grey):
        parts.append(f"chroma detail ({had.chroma} became {has.chroma})")
    return parts


def _divides(name: str, size: tuple[int, int]) -> bool:
    """Whether the subsampling of a format divides a width and a height."""
    made = VideoFormat(name)
    halvings = _exponents((made.chroma_width(_WIDE), made.chroma_height(_WIDE)))
    pairs = zip(size, halvings, strict=True)
    return all(side % 2**exponent == 0 for side, exponent in pairs)


def _exponents(chroma: tuple[int, int]) -> tuple[int, int]:
    """Of the subsampling, from the chroma's size for a luma of _WIDE pixels a side."""
    columns, rows = (_WIDE // side for side in chroma)
    return columns.bit_length() - 1, rows.bit_length() - 1
