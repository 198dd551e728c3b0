"""From the bytes of a picture file to a `Picture`."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageCms, JpegImagePlugin

from deblurgan_tf.errors import PictureError
from deblurgan_tf.images import exif as tags
from deblurgan_tf.images import png, tiff, webp
from deblurgan_tf.images.headers import (
    check_mode,
    check_tiff,
    examined,
    exif_of,
    opened,
    quiet,
)
from deblurgan_tf.images.picture import Compression, Picture


def decode(data: bytes, name: str) -> Picture:
    """Decode the bytes of a picture file; `name` is for messages.

    Raises PictureError when they are empty, damaged, cut short, of an unknown format,
    of several frames or pages, or of more than MAX_PIXELS pixels.
    """
    return examined(data, name, lambda kind: _decode(data, kind))


def decode_rgb(data: bytes, name: str) -> np.ndarray:
    """Decode the upright pixels alone: uint8 (H, W, 3), alpha left out."""
    return eight_bits(decode(data, name).pixels)


def eight_bits(pixels: np.ndarray) -> np.ndarray:
    """uint8 or uint16 pixels -> uint8, rounded."""
    if pixels.dtype == np.uint8:
        return pixels
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _decode(data: bytes, kind: str) -> Picture:
    if kind == "TIFF":
        return _decode_tiff(data)
    file = io.BytesIO(data)
    image = opened(file, kind)
    depth = data[24] if kind == "PNG" else 8
    if png.is_deep(data):
        colour, alpha = png.decode(data)
    else:
        image.load()
        colour, alpha = _channels(image)
    if alpha is None:
        alpha = _transparent_colour(colour, image, depth)
    exif = exif_of(image, file)
    orientation, exif = tags.upright(exif) if exif else (1, None)
    cmyk = image.mode == "CMYK"
    return Picture(
        pixels=_upright(_three(colour), orientation),
        alpha=None if alpha is None else _upright(alpha, orientation),
        grey=colour.ndim == 2,
        format=kind,
        icc=None if cmyk else image.info.get("icc_profile") or None,
        exif=exif,
        dpi=_dpi(image),
        jpeg=_compression(image) if kind == "JPEG" else None,
        lossless=kind == "WEBP" and webp.inspect(io.BytesIO(data)).lossless,
    )


def _decode_tiff(data: bytes) -> Picture:
    file = io.BytesIO(data)
    layout = tiff.layout(file)
    check_tiff(layout)
    metadata = tiff.metadata(data)
    icc = metadata.icc
    if layout.deep:
        colour, alpha, orientation = tiff.decode16(data)
    else:
        file.seek(0)
        with quiet():  # Pillow checks the size, and reads the tags, while it loads
            image = Image.open(file, formats=["TIFF"])
            image.load()
        orientation = 1  # Pillow has applied it already
        if image.mode == "CMYK":
            icc = None
        colour, alpha = _channels(image)
    return Picture(
        pixels=_upright(_three(colour), orientation),
        alpha=None if alpha is None else _upright(alpha, orientation),
        grey=colour.ndim == 2,
        format="TIFF",
        icc=icc,
        exif=metadata.exif,
        dpi=metadata.dpi,
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


def _compression(image: Image.Image) -> Compression | None:
    # The tables belong to Y, Cb and Cr. Those of CMYK or of plain RGB (transform 0 of
    # Adobe) are wrong for the file that will be written.
    layers: list[tuple[int, int, int, int]] = getattr(image, "layer", [])
    if len(layers) not in (1, 3) or image.info.get("adobe_transform") == 0:
        return None
    known: dict[int, list[int]] = getattr(image, "quantization", {})
    tables = [tuple(known[layer[3]]) for layer in layers]
    while len(tables) > 1 and tables[-1] == tables[-2]:
        tables.pop()
    # Pillow's -1 is grey or a rare subsampling; both are written as 4:4:4.
    subsampling = max(0, JpegImagePlugin.get_sampling(image))
    return Compression(tuple(tables), subsampling, "progressive" in image.info)


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
