"""From the bytes of a file to a `Picture`; the list of the pictures in a folder."""

from __future__ import annotations

import io
import os
import re
import struct
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image, ImageCms, JpegImagePlugin

from deblurgan_tf.errors import PictureError
from deblurgan_tf.images import exif as tags
from deblurgan_tf.images import png16, tiff
from deblurgan_tf.images.picture import SUFFIXES, Compression, Picture

MAX_PIXELS = 200_000_000
"""Larger pictures are refused before they are decoded."""

_SIGNATURES = {
    "JPEG": rb"\xff\xd8\xff",
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "TIFF": rb"II[*+]\0|MM\0[*+]",
    "WEBP": rb"RIFF....WEBP",
    "BMP": rb"BM",
    "GIF": rb"GIF8",
}
_PILLOW_LOCK = threading.RLock()
T = TypeVar("T")


def read(path: str | os.PathLike[str]) -> Picture:
    """Read one picture file. Raises PictureError naming the file when it cannot."""
    return decode(contents(path), os.fspath(path))


def contents(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a picture file, or the first few of a file that is none.

    Raises PictureError naming the file when it cannot be opened.
    """
    try:
        with open(path, "rb") as file:
            start = file.read(16)
            # A video of many gigabytes is refused by its first bytes.
            if not _format(start):
                return start
            file.seek(0)
            return file.read()
    except OSError as error:
        raise PictureError(
            f"{path}: cannot be opened ({error.strerror}); check the name and rights"
        ) from error


def decode(data: bytes, name: str) -> Picture:
    """Decode the bytes of a picture file; `name` is for messages.

    Raises PictureError for data that are empty, damaged, cut short, of unknown
    format, of several frames or pages, or of more than MAX_PIXELS pixels.
    """
    return _judged(data, name, _decode)


def size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """(height, width) of the upright picture, from the header alone but for TIFF."""
    return size_of(contents(path), os.fspath(path))


def size_of(data: bytes, name: str) -> tuple[int, int]:
    """`size` of the bytes of a picture file. Raises what `decode` raises, as far as
    the header tells.
    """
    return _judged(data, name, _size)


def area_of(data: bytes, name: str) -> int:
    """How many pixels a picture file holds, from its header alone; else `size_of`."""
    return _judged(data, name, _area)


def _judged(data: bytes, name: str, work: Callable[[bytes, str], T]) -> T:
    """Calls `work(data, format)`; whatever is wrong with the data is a PictureError."""
    if not data:
        raise PictureError(f"{name}: the file is empty; replace it or leave it out")
    kind = _format(data)
    if kind is None:
        raise PictureError(
            f"{name}: not a picture of a known format ({', '.join(_SIGNATURES)}); "
            "convert it or leave it out"
        )
    try:
        return work(data, kind)
    except MemoryError:
        raise
    except (PictureError, NotImplementedError) as error:
        raise PictureError(f"{name}: {error}") from error
    except Exception as error:
        # Three libraries meet hostile bytes here, and raise whatever comes: struct,
        # zlib, index, type and key errors, OSError, SyntaxError.
        raise PictureError(
            f"{name}: damaged or cut short ({error}); replace it or leave it out"
        ) from error


def read_rgb(path: str | os.PathLike[str]) -> np.ndarray:
    """Read the upright pixels alone: uint8 (H, W, 3), alpha left out."""
    return _narrow(read(path).pixels)


def decode_rgb(data: bytes, name: str) -> np.ndarray:
    """Decode the upright pixels alone: uint8 (H, W, 3), alpha left out."""
    return _narrow(decode(data, name).pixels)


def find(
    folder: str | os.PathLike[str], endings: frozenset[str] = SUFFIXES
) -> list[Path]:
    """List the picture files below a folder, sorted, by their endings (any case).

    Hidden files and folders are skipped; linked folders are not followed. Raises
    PictureError when the folder is not one.
    """
    root = Path(folder)
    if not root.is_dir():
        raise PictureError(f"{root}: not a folder; check the name")
    found = []
    for place, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(place, name) for name in files if not name.startswith(".")]
    return sorted(path for path in found if path.suffix.lower() in endings)


def _format(data: bytes) -> str | None:
    for name, signature in _SIGNATURES.items():
        if re.match(signature, data[:16], re.DOTALL):
            return name
    return None


@contextmanager
def _quiet() -> Iterator[None]:
    # Pillow warns of odd tags and of pictures over its own limit, both of which are
    # judged here. The filters and the limit belong to the process, hence the lock;
    # long decoding happens outside it wherever it cannot warn.
    with _PILLOW_LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        limit = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2  # Pillow raises above twice that
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _too_large() -> PictureError:
    return PictureError(
        f"more than {MAX_PIXELS:,} pixels; make it smaller or cut it into parts"
    )


def _open(data: bytes, kind: str) -> Image.Image:
    """Open all but TIFF: the header is read and judged, the pixels not yet."""
    with _quiet():
        try:
            image = Image.open(io.BytesIO(data), formats=[kind])
        except Image.DecompressionBombError:
            raise _too_large() from None
        # A phone's "multi picture" JPEG has a preview or a depth map behind the photo.
        if image.format != "MPO" and getattr(image, "is_animated", False):
            raise PictureError(
                "an animation of several frames; save the frames as single pictures"
            )
    return image


def _size(data: bytes, kind: str) -> tuple[int, int]:
    if kind == "TIFF":
        height, width = _decode_tiff(data).pixels.shape[:2]
        return height, width
    image = _open(data, kind)
    exif = _exif(image)
    turned = exif is not None and tags.upright(exif)[0] > 4
    return image.size if turned else (image.height, image.width)


def _area(data: bytes, kind: str) -> int:
    if kind == "TIFF":
        header = tiff.inspect(data)
        return header.width * header.height
    image = _open(data, kind)
    return image.width * image.height


def _decode(data: bytes, kind: str) -> Picture:
    if kind == "TIFF":
        return _decode_tiff(data)
    image = _open(data, kind)
    depth = data[24] if kind == "PNG" else 8
    if png16.is_deep(data):
        colour, alpha, late = png16.decode(data)
        if late is not None:
            image.info["exif"] = late
    else:
        image.load()
        colour, alpha = _channels(image)
    if alpha is None:
        alpha = _transparent_colour(colour, image, depth)
    exif = _exif(image)
    orientation, exif = tags.upright(exif) if exif else (1, None)
    cmyk = image.mode == "CMYK"
    return Picture(
        pixels=_turn(_three(colour), orientation),
        alpha=None if alpha is None else _turn(alpha, orientation),
        grey=colour.ndim == 2,
        format=kind,
        icc=None if cmyk else image.info.get("icc_profile") or None,
        exif=exif,
        dpi=_dpi(image),
        jpeg=_compression(image) if kind == "JPEG" else None,
        lossless=kind == "WEBP" and _webp_is_lossless(data),
    )


def _decode_tiff(data: bytes) -> Picture:
    header = tiff.inspect(data)
    if header.width * header.height > MAX_PIXELS:
        raise _too_large()
    if header.pages > 1:
        raise PictureError("a TIFF of several pages; save them as single pictures")
    icc = header.icc
    if header.deep:
        colour, alpha, orientation = tiff.decode16(data)
    else:
        with _quiet():  # Pillow judges the size, and reads the tags, while it loads
            image = Image.open(io.BytesIO(data), formats=["TIFF"])
            image.load()
        orientation = 1  # Pillow has turned it already
        if image.mode == "CMYK":
            icc = None
        colour, alpha = _channels(image)
    return Picture(
        pixels=_turn(_three(colour), orientation),
        alpha=None if alpha is None else _turn(alpha, orientation),
        grey=colour.ndim == 2,
        format="TIFF",
        icc=icc,
        exif=header.exif,
        dpi=header.dpi,
    )


def _channels(image: Image.Image) -> tuple[np.ndarray, np.ndarray | None]:
    """Return uint8 (colour (H, W) or (H, W, 3), alpha (H, W) or None) of any mode."""
    mode = image.mode
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
    if mode in ("P", "RGB", "RGBX", "YCbCr"):
        return np.array(image.convert("RGB")), None
    raise NotImplementedError(
        f"pixels of kind {mode} are not read; convert it to 8 or 16 bits, grey or RGB"
    )


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
    # than 8 bits before it is stretched to 0..255, and so misses it.
    key = image.info.get("transparency")
    if image.mode == "P" or not isinstance(key, int | tuple):
        return None
    full = np.iinfo(colour.dtype).max
    stretch = 255 // (2**depth - 1) if depth < 8 else 1
    hit = colour == np.array(key) * stretch
    if colour.ndim == 3:
        hit = hit.all(axis=2)
    return np.where(hit, 0, full).astype(colour.dtype)


def _exif(image: Image.Image) -> bytes | None:
    # Older programs put the block into a PNG as text: three lines, then hex digits.
    text = image.info.get("Raw profile type exif")
    if "exif" not in image.info and isinstance(text, str):
        return bytes.fromhex("".join(text.split("\n")[3:]))
    return image.info.get("exif") or None


def _dpi(image: Image.Image) -> tuple[float, float] | None:
    x, y = image.info.get("dpi", (0, 0))
    return (float(x), float(y)) if x > 0 and y > 0 else None


def _compression(image: Image.Image) -> Compression | None:
    # Tables belong to Y, Cb and Cr; those of CMYK or plain RGB (Adobe's transform 0)
    # would be the wrong ones for the file that is written.
    layers: list[tuple[int, int, int, int]] = getattr(image, "layer", [])
    if len(layers) not in (1, 3) or image.info.get("adobe_transform") == 0:
        return None
    known: dict[int, list[int]] = getattr(image, "quantization", {})
    tables = [tuple(known[layer[3]]) for layer in layers]
    while len(tables) > 1 and tables[-1] == tables[-2]:
        tables.pop()
    # -1 stands for grey and for rare samplings, which are written as 4:4:4.
    subsampling = max(0, JpegImagePlugin.get_sampling(image))
    return Compression(tuple(tables), subsampling, "progressive" in image.info)


def _webp_is_lossless(data: bytes) -> bool:
    position = 12
    while position + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, position)
        if name in (b"VP8L", b"VP8 "):
            return name == b"VP8L"
        position += 8 + length + length % 2
    return False


def _three(colour: np.ndarray) -> np.ndarray:
    return np.repeat(colour[..., None], 3, axis=2) if colour.ndim == 2 else colour


def _turn(array: np.ndarray, orientation: int) -> np.ndarray:
    """Undo an EXIF orientation 1 to 8 of (H, W) or (H, W, C)."""
    # 5 to 8 are 1 to 4 of the picture with rows and columns exchanged.
    if orientation > 4:
        array = array.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    return np.ascontiguousarray(array)


def _narrow(pixels: np.ndarray) -> np.ndarray:
    if pixels.dtype == np.uint8:
        return pixels
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
