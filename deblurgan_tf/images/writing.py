"""From a `Picture` to the bytes of a file, and to the disk, whole or not at all."""

from __future__ import annotations

import io
import os
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from deblurgan_tf.errors import PictureError
from deblurgan_tf.images import exif as tags
from deblurgan_tf.images import heif, png, profiles, tiff
from deblurgan_tf.images.picture import FORMATS, Picture
from deblurgan_tf.storage.atomic import write_bytes

_LUMA = np.array([19595, 38470, 7471], np.uint32)  # Rec. 601 in parts of 65536


def write(path: str | os.PathLike[str], picture: Picture) -> None:
    """Write a picture file of `picture.format`, whole or not at all.

    The name counts for nothing, as when a file is read: a PNG called .jpg is restored
    to a PNG called .jpg. Raises PictureError when the format cannot hold the picture
    (see `encode`). Raises OSError when the disk
    refuses; a file that was there before then stays as it was.
    """
    target = Path(path)
    try:
        data = encode(picture)
    except PictureError as error:
        raise PictureError(f"{target}: {error}") from error
    write_bytes(target, data)


def encode(picture: Picture) -> bytes:
    """Return the bytes of a picture file of `picture.format`.

    Raises PictureError when the format cannot hold what the picture has: 16 bits,
    alpha, a colour profile, EXIF, or so many pixels.
    """
    kind, deep = picture.format, picture.pixels.dtype == np.uint16
    if kind not in FORMATS.values():
        raise PictureError(f"{kind} is not written; set the format to PNG")
    if kind != "PNG":
        picture = replace(picture, icc=profile_of(picture), png_colour=())
    refused = {
        "16 bits per sample": deep and kind not in ("PNG", "TIFF"),
        "alpha": picture.alpha is not None and kind == "JPEG",
        "a colour profile": picture.icc is not None and kind == "BMP",
        "EXIF": picture.exif is not None and kind == "BMP",
    }
    for what, wrong in refused.items():
        if wrong:
            raise PictureError(f"{kind} cannot hold {what}; set the format to PNG")
    heif.prepare(kind)
    try:
        return _encoded(picture)
    except (OSError, ValueError, struct.error) as error:
        raise PictureError(
            f"cannot be written as {kind} ({error}); set the format to PNG"
        ) from error


def profile_of(picture: Picture) -> bytes | None:
    """The colour profile that says what the picture's numbers mean; None for sRGB.

    It is the picture's own, or an equivalent of the chunks of a PNG. Raises
    PictureError for chunks that no profile describes (high dynamic range).
    """
    if not picture.png_colour:
        return picture.icc
    try:
        return profiles.of_png(picture.png_colour, picture.icc, grey=picture.grey)
    except PictureError as error:
        raise PictureError(
            f"{picture.format} cannot hold {error}; set the format to PNG"
        ) from error


def _encoded(picture: Picture) -> bytes:
    kind, samples = picture.format, _samples(picture)
    icc, exif, dpi = picture.icc, picture.exif, picture.dpi
    if kind == "TIFF":
        return tiff.encode(samples, icc=icc, exif=exif, dpi=dpi)
    if kind == "BMP" and picture.alpha is not None:
        return _bmp_with_alpha(picture)
    if samples.dtype == np.uint16:
        inner = tags.body(exif) if exif else None
        data = png.encode(samples, icc=icc, exif=inner, dpi=dpi)
    else:
        out = io.BytesIO()
        squeezed = samples[..., 0] if samples.shape[2] == 1 else samples
        Image.fromarray(squeezed).save(out, kind, **_options(picture))
        data = out.getvalue()
    return png.with_colour(data, picture.png_colour) if picture.png_colour else data


def _samples(picture: Picture) -> np.ndarray:
    colour = picture.pixels
    if picture.grey:
        luma = np.empty(colour.shape[:2], colour.dtype)
        # In parts, because the sums take four times the memory of the pixels.
        for top in range(0, len(colour), 256):
            part = colour[top : top + 256].astype(np.uint32)
            # The sum stays below 2**32, and equal channels keep their value.
            luma[top : top + 256] = (part @ _LUMA + 32768) >> 16
        colour = luma[..., None]
    if picture.alpha is not None:
        colour = np.concatenate([colour, picture.alpha[..., None]], axis=2)
    return np.ascontiguousarray(colour)


def _options(picture: Picture) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if picture.icc is not None:
        options["icc_profile"] = picture.icc
    if picture.exif is not None:
        options["exif"] = picture.exif
    if picture.dpi is not None:
        options["dpi"] = picture.dpi
    if picture.format == "WEBP":
        # "exact" keeps the colours of transparent pixels.
        options |= {"lossless": picture.lossless, "quality": 95, "exact": True}
    if picture.format in ("AVIF", "HEIF"):
        options["quality"] = 95
        # Phones and cameras that write HEIC read no other chroma than their own, 4:2:0.
        if picture.format == "AVIF" and not picture.grey:
            options["subsampling"] = "4:4:4"
        if picture.exif is not None:
            # These formats turn the picture themselves. Pillow would take the tag out,
            # and spoil the texts beside it.
            options["exif"] = tags.without_orientation(picture.exif)
    if picture.format == "JPEG":
        if picture.jpeg is None:
            options |= {"quality": 95, "subsampling": 0}
        else:
            options["qtables"] = [list(table) for table in picture.jpeg.tables]
            options["subsampling"] = picture.jpeg.subsampling
            options["progressive"] = picture.jpeg.progressive
    return options


def _bmp_with_alpha(picture: Picture) -> bytes:
    # Pillow writes no masks into the header: readers would take alpha for padding.
    height, width = picture.pixels.shape[:2]
    x, y = (round(value / 0.0254) for value in picture.dpi or (0, 0))
    alpha = np.asarray(picture.alpha)[..., None]
    pixels = np.concatenate([picture.pixels[..., ::-1], alpha], axis=2)[::-1].tobytes()
    start = 14 + 108
    head = struct.pack("<2sIII", b"BM", start + len(pixels), 0, start)
    head += struct.pack(
        "<IiiHHIIiiII", 108, width, height, 1, 32, 3, len(pixels), x, y, 0, 0
    )
    masks = struct.pack("<IIII4s", 0xFF0000, 0xFF00, 0xFF, 0xFF000000, b"BGRs")
    return head + masks + bytes(48) + pixels
