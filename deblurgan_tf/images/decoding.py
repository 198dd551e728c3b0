"""From the bytes of a picture file to a `Picture`."""

from __future__ import annotations

import io
from typing import TypedDict

import numpy as np
from PIL import Image, ImageCms

from deblurgan_tf.errors import PictureError
from deblurgan_tf.images import exif as tags
from deblurgan_tf.images import (
    heif,
    jpeg,
    libtiff,
    png,
    png_checks,
    png_chunks,
    profiles,
    tiff,
    webp,
)
from deblurgan_tf.images.headers import (
    check_mode,
    check_tiff,
    examined,
    opened,
    quiet,
)
from deblurgan_tf.images.hidden import filled
from deblurgan_tf.images.picture import Picture


def decode(data: bytes, name: str) -> Picture:
    """Decode the bytes of a picture file; `name` is for messages.

    Hidden colours, those of transparent pixels, are filled from the visible ones. What
    had to be left out, or was missing, is told by the picture's notices.

    Raises PictureError when they are empty, damaged, cut short, of an unknown format,
    of several frames or pages, or of more than MAX_PIXELS pixels.
    """
    return examined(data, name, lambda kind: _decode(data, kind))


def decode_rgb(data: bytes, name: str) -> np.ndarray:
    """Decode the upright pixels alone: uint8 (H, W, 3), alpha left out."""
    return eight_bits(decode(data, name).pixels)


def decode_size(data: bytes, name: str) -> tuple[int, int]:
    """(height, width), as `size_of` gives it, of a picture whose pixels are sound.

    Raises what `decode` raises.
    """
    height, width = decode(data, name).pixels.shape[:2]
    return height, width


def eight_bits(pixels: np.ndarray) -> np.ndarray:
    """uint8 or uint16 pixels -> uint8, rounded."""
    if pixels.dtype == np.uint8:
        return pixels
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _decode(data: bytes, kind: str) -> Picture:
    if kind == "TIFF":
        return _decode_tiff(data)
    if kind == "PNG":
        return _decode_png(data)
    image = opened(io.BytesIO(data), kind)
    notices: tuple[str, ...] = ()
    if kind == "JPEG":
        image, notices = jpeg.load(data, image)
    else:
        image.load()
    colour, alpha = _channels(image)
    if alpha is None:
        alpha = _transparent_colour(colour, image, 8)
    icc = None if image.mode == "CMYK" else image.info.get("icc_profile") or None
    exif, lossless = image.info.get("exif"), False
    if kind in ("AVIF", "HEIF"):
        layout = heif.inspect(data)
        if icc is None and layout.code_points:
            icc = profiles.of_code_points(*layout.code_points, grey=colour.ndim == 2)
        if layout.bits > 8:
            notices += (f"{layout.bits} bits per sample are read and written as 8",)
    if kind == "WEBP":
        header = webp.inspect(io.BytesIO(data))
        exif, lossless = header.exif, header.lossless
    orientation, exif = tags.upright(exif) if exif else (1, None)
    return Picture(
        **_pixels(colour, alpha, orientation),
        format=kind,
        icc=icc,
        exif=exif,
        dpi=_turned(_dpi(image), orientation),
        jpeg=jpeg.compression(image) if kind == "JPEG" else None,
        lossless=lossless,
        notices=notices,
    )


def _decode_png(data: bytes) -> Picture:
    notices = png_checks.check_sums(data)
    header = png_chunks.Header(io.BytesIO(data))
    data = png_chunks.for_decoders(io.BytesIO(data))
    image = opened(io.BytesIO(data), "PNG")
    png_checks.check_pixels(data)
    if png.is_deep(data):
        colour, alpha = png.decode(data)
    else:
        image.load()
        colour, alpha = _channels(image)
    if alpha is None:
        alpha = _transparent_colour(colour, image, data[24])
    orientation, exif = tags.upright(header.exif) if header.exif else (1, None)
    return Picture(
        **_pixels(colour, alpha, orientation),
        format="PNG",
        icc=header.icc,
        exif=exif,
        dpi=_turned(header.dpi, orientation),
        png_colour=tuple(header.colour.items()),
        notices=(*header.notices, *notices),
    )


def _decode_tiff(data: bytes) -> Picture:
    file = io.BytesIO(data)
    layout = tiff.layout(file)
    check_tiff(layout)
    tiff.check_pixels(data)
    metadata = tiff.metadata(data)
    icc = metadata.icc
    if layout.deep:
        colour, alpha, orientation = tiff.decode16(data)
    else:
        file.seek(0)
        # Pillow checks the size, and reads the tags, while it loads.
        with quiet(), libtiff.heard(needed=layout.fax) as errors:
            image = Image.open(file, formats=["TIFF"])
            image.load()
        if errors:
            raise ValueError(f"the compressed pixels are damaged; {errors[0]}")
        orientation = 1  # Pillow has applied it already
        if image.mode == "CMYK":
            icc = None
        colour, alpha = _channels(image)
    return Picture(
        **_pixels(colour, alpha, orientation),
        format="TIFF",
        icc=icc,
        exif=metadata.exif,
        dpi=_turned(metadata.dpi, layout.orientation),
    )


class _Pixels(TypedDict):
    """The first three fields of a `Picture`."""

    pixels: np.ndarray
    alpha: np.ndarray | None
    grey: bool


def _pixels(colour: np.ndarray, alpha: np.ndarray | None, orientation: int) -> _Pixels:
    """Upright pixels with hidden colours filled, from (H, W) or (H, W, 3) as stored."""
    return _Pixels(
        pixels=_upright(_three(filled(colour, alpha)), orientation),
        alpha=None if alpha is None else _upright(alpha, orientation),
        grey=colour.ndim == 2,
    )


def _channels(image: Image.Image) -> tuple[np.ndarray, np.ndarray | None]:
    """Return uint8 (colour (H, W) or (H, W, 3), alpha (H, W) or None) of any mode."""
    mode = image.mode
    check_mode(mode)
    if mode in ("1", "L"):
        return np.array(image.convert("L")), None
    if mode in ("LA", "La"):
        both = np.array(image.convert("LA"))
        return both[..., 0], both[..., 1]
    if mode in ("RGBA", "RGBa", "PA") or (mode == "P" and image.has_transparency_data):
        four = np.array(image.convert("RGBA"))
        return four[..., :3], four[..., 3]
    if mode == "CMYK":
        return np.array(_from_cmyk(image)), None
    return np.array(image.convert("RGB")), None


def _from_cmyk(image: Image.Image) -> Image.Image:
    icc = image.info.get("icc_profile")
    if not icc:
        return image.convert("RGB")
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        target = ImageCms.createProfile("sRGB")
        result = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError) as error:
        raise PictureError(
            f"its CMYK colour profile is damaged ({error}); convert it to RGB"
        ) from error
    assert result is not None  # it is None only for inPlace=True
    return result


def _transparent_colour(
    colour: np.ndarray, image: Image.Image, depth: int
) -> np.ndarray | None:
    # PNG and GIF can declare one colour transparent. Pillow compares a grey of fewer
    # than 8 bits before it is scaled to 0..255, and so misses it.
    key = image.info.get("transparency")
    if image.mode == "P" or not isinstance(key, int | tuple):
        return None
    full = np.iinfo(colour.dtype).max
    stretch = 255 // (2**depth - 1) if depth < 8 else 1
    hit = colour == np.array(key) * stretch
    if colour.ndim == 3:
        hit = hit.all(axis=2)
    return np.where(hit, 0, full).astype(colour.dtype)


def _dpi(image: Image.Image) -> tuple[float, float] | None:
    x, y = image.info.get("dpi", (0, 0))
    return (float(x), float(y)) if x > 0 and y > 0 else None


def _turned(
    dpi: tuple[float, float] | None, orientation: int
) -> tuple[float, float] | None:
    return dpi[::-1] if dpi is not None and orientation > 4 else dpi


def _three(colour: np.ndarray) -> np.ndarray:
    return np.repeat(colour[..., None], 3, axis=2) if colour.ndim == 2 else colour


def _upright(array: np.ndarray, orientation: int) -> np.ndarray:
    """Pixels (H, W) or (H, W, C), stored with EXIF orientation 1 to 8 -> upright."""
    # 5 to 8 are 1 to 4 of the picture with rows and columns exchanged.
    if orientation > 4:
        array = array.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    return np.ascontiguousarray(array)
