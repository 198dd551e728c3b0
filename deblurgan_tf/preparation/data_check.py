"""What is wrong with a data set: each problem with its file, as an error or a warning.

Errors stop a training or a measurement, or make it wrong. What a warning names may be
intended.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from deblurgan_tf import images
from deblurgan_tf.deconvolution.sharpness import NOT_SHARP, edge_width
from deblurgan_tf.errors import DataError, PictureError
from deblurgan_tf.evaluation.kernel_files import read_array
from deblurgan_tf.evaluation.pairs import stem
from deblurgan_tf.preparation.data_sets import DataSet
from deblurgan_tf.preparation.fingerprints import NEAR, perceptual_hash
from deblurgan_tf.preparation.tables import texts_of
from deblurgan_tf.storage.side_by_side import side_by_side

Severity = Literal["error", "warning"]
SEVERITY: dict[str, Severity] = {
    "unreadable": "error",
    "no mate": "error",
    "sizes differ": "error",
    "bad kernel": "error",
    "text without file": "error",
    "leak": "error",  # a validation picture equals a training picture
    "near leak": "error",  # it looks like one
    "duplicate": "warning",
    "near duplicate": "warning",
    "not sharp": "warning",
    "no kernel": "warning",  # where other pairs have one
    "no text": "warning",  # where other pictures have one
    "other format": "warning",  # than its name says
}
"""The kinds of problems and how bad they are."""

CENTRE = 0.02  # pixels: the largest distance of a kernel's centroid from its middle
SUM = 1e-4  # the largest difference of a kernel's sum from 1


@dataclass(frozen=True)
class Problem:
    """One problem of a file; `kind` is a key of SEVERITY."""

    kind: str
    file: str
    detail: str

    @property
    def severity(self) -> Severity:
        """How bad this kind of problem is."""
        return SEVERITY[self.kind]


@dataclass(frozen=True, eq=False)
class Facts:
    """What is known about a picture file.

    label: its name in the report; name: its path below sharp/ or blurred/; error: why
    it cannot be read. The rest is known for files that can be read, all but `size` and
    `format` for sharp ones only: size: (height, width), pixels; format: of the content,
    as in `images.FORMATS`; digest: SHA-256 of the bytes; hash:
    `perceptual_hash`; edge_width: pixels, None without edges.
    """

    label: str
    name: str
    error: str | None = None
    size: tuple[int, int] = (0, 0)
    format: str = ""
    digest: bytes = b""
    hash: np.ndarray | None = None
    edge_width: float | None = None


@dataclass(frozen=True)
class Part:
    """A data set and the facts of its pictures, in the order of their names."""

    data: DataSet
    sharp: list[Facts]
    blurred: list[Facts]

    def readable(self) -> list[Facts]:
        """The sharp pictures that can be read."""
        return [facts for facts in self.sharp if facts.error is None]


def examine(data: DataSet, advance: Callable[[], object]) -> Part:
    """Reads all pictures, several at the same time; calls `advance` after each.

    The facts need about 500 bytes a picture; pixels are not kept.
    """

    def look(item: tuple[str, Path, bool]) -> Facts:
        name, path, is_sharp = item
        label = data.label(path)
        try:
            content = images.contents(path)
            picture = images.decode(content, label)
        except PictureError as error:
            return Facts(label, name, str(error).removeprefix(f"{label}: "))
        pixels, kind = images.eight_bits(picture.pixels), picture.format
        size = pixels.shape[0], pixels.shape[1]
        if not is_sharp:
            return Facts(label, name, None, size, kind)
        digest = hashlib.sha256(content).digest()
        found = perceptual_hash(pixels)
        return Facts(label, name, None, size, kind, digest, found, edge_width(pixels))

    def all_of(files: dict[str, Path], is_sharp: bool) -> Iterator[Facts]:
        items = [(name, path, is_sharp) for name, path in files.items()]
        for facts in side_by_side(look, items):
            advance()
            yield facts

    return Part(data, list(all_of(data.sharp, True)), list(all_of(data.blurred, False)))


def problems_within(part: Part, not_sharp: float = NOT_SHARP) -> list[Problem]:
    """Problems of single files, and of files that belong together.

    not_sharp: sharp pictures with wider edges are a problem, pixels.
    """
    found = [
        Problem("unreadable", facts.label, facts.error)
        for facts in part.sharp + part.blurred
        if facts.error is not None
    ]
    for facts in part.sharp + part.blurred:
        ending = Path(facts.label).suffix.lower()
        if facts.error is None and images.FORMATS.get(ending) != facts.format:
            text = f"is a {facts.format}; it is read by its content"
            found.append(Problem("other format", facts.label, text))
    for facts in part.readable():
        if facts.edge_width is not None and facts.edge_width > not_sharp:
            wide = f"its edges are {facts.edge_width:.1f} pixels wide"
            found.append(Problem("not sharp", facts.label, wide))
    return found + _pairing(part) + _kernels(part.data) + _texts(part.data)


def report(problems: Sequence[Problem], parts: Sequence[Part]) -> dict[str, Any]:
    """The content of the file that `prepare check --report` writes."""
    kinds = Counter(problem.kind for problem in problems)
    severities = Counter(problem.severity for problem in problems)
    return {
        "pictures": {
            part.data.prefix + what: len(facts)
            for part in parts
            for what, facts in (("sharp", part.sharp), ("blurred", part.blurred))
            if facts or what == "sharp"
        },
        "errors": severities["error"],
        "warnings": severities["warning"],
        "kinds": dict(sorted(kinds.items())),
        "limits": {"not_sharp": NOT_SHARP, "near_bits": NEAR, "kernel_centre": CENTRE},
        "problems": [{"severity": p.severity} | asdict(p) for p in problems],
    }


def kernel_fault(kernel: np.ndarray) -> str | None:
    """Why an array is no blur kernel; None for a kernel.

    A kernel is square with an odd side, of floating point numbers, finite and not
    negative; its sum is 1 and its centroid is the middle pixel.
    """
    if kernel.ndim != 2 or kernel.shape[0] != kernel.shape[1] or not kernel.size % 2:
        return f"its shape {kernel.shape} is not square with an odd side"
    if not np.issubdtype(kernel.dtype, np.floating) or not np.isfinite(kernel).all():
        return "its values are not finite floating point numbers"
    if kernel.min() < 0:
        return f"it has negative values (down to {kernel.min():.3g})"
    total = kernel.sum(dtype=np.float64)
    if abs(total - 1) > SUM:
        return f"its sum is {total:.6g}, not 1"
    places = np.arange(len(kernel)) - len(kernel) // 2
    off = math.hypot(float(kernel.sum(1) @ places), float(kernel.sum(0) @ places))
    if off > CENTRE:
        return f"its centroid is {off:.2f} pixels off the middle"
    return None


def _pairing(part: Part) -> list[Problem]:
    data = part.data
    if not data.paired:
        return []
    sharp = {facts.name: facts for facts in part.sharp}
    blurred = {facts.name: facts for facts in part.blurred}
    found = []
    for here, there, folder in ((sharp, blurred, "blurred"), (blurred, sharp, "sharp")):
        found += [
            Problem("no mate", here[name].label, f"{folder}/{name} is missing")
            for name in sorted(here.keys() - there.keys())
        ]
    for name in sorted(sharp.keys() & blurred.keys()):
        one, other = blurred[name], sharp[name]
        if one.size != other.size and one.error is None and other.error is None:
            sizes = " and ".join(f"{f.size[1]}x{f.size[0]}" for f in (one, other))
            text = f"blurred and sharp are {sizes} pixels"
            found.append(Problem("sizes differ", one.label, text))
    return found


def _kernels(data: DataSet) -> list[Problem]:
    names = {stem(name): path for name, path in data.sharp.items()}
    found = []
    for name, path in data.kernels.items():
        if name not in names:
            text = f"there is no sharp/{name}.*"
            found.append(Problem("no mate", data.label(path), text))
            continue
        try:
            fault = kernel_fault(read_array(path))
        except DataError as error:
            fault = str(error).removeprefix(f"{path}: ")
        if fault is not None:
            found.append(Problem("bad kernel", data.label(path), fault))
    if data.kernels:
        found += [
            Problem("no kernel", data.label(names[name]), f"kernels/{name}.npy: none")
            for name in sorted(names.keys() - data.kernels.keys())
        ]
    return found


def _texts(data: DataSet) -> list[Problem]:
    if data.table is None:
        return []
    label = data.label(data.table)
    try:
        texts = texts_of(data.root)
    except DataError as error:
        return [Problem("unreadable", label, str(error))]
    found = [
        Problem("text without file", label, f"{name} has a text and does not exist")
        for name in sorted(texts.keys() - data.sharp.keys())
    ]
    return found + [
        Problem("no text", data.label(data.sharp[name]), f"{data.table.name} lacks it")
        for name in sorted(data.sharp.keys() - texts.keys())
    ]
