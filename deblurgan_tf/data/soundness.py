"""Which picture files can be decoded: each is decoded once, before the first step.

One damaged picture would end a training hours after its start. What is known about a
file is kept in a run's folder, and holds as long as the file's size and time of change
do: a training that goes on decodes new and changed pictures alone.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from deblurgan_tf import images
from deblurgan_tf.cli.terminal import counting_bar, say
from deblurgan_tf.errors import DataError, PictureError
from deblurgan_tf.storage.atomic import write_text
from deblurgan_tf.storage.json_lines import read_lines
from deblurgan_tf.storage.side_by_side import side_by_side

Size = tuple[int, int]  # height, width; upright, pixels


class Sound(NamedTuple):
    """What is known about a file that can be decoded.

    bytes, changed: its size, and the time of its last change, nanoseconds; of another
    size or time it is not known. format: see `images.FORMATS`.
    """

    bytes: int
    changed: int
    height: int
    width: int
    format: str


class Checked:
    """The files that were decoded; kept in a file, if one is given.

    Files that cannot be decoded are not kept: they are few, and whether they can be
    read may depend on more than their size and time.
    """

    def __init__(self, file: Path | None = None) -> None:
        """Reads what `file` holds; where it is damaged, its pictures are read again."""
        self.file = file
        self.known = {} if file is None else _read(file)
        self.news = False  # whether more is known than the file holds

    def sizes(self, files: Sequence[Path], *, pairs: bool = False) -> dict[Path, Size]:
        """(height, width) of each file that can be decoded, in their order.

        Warns of the others once, all by name; pairs: their mates are left out too. Says
        which names do not fit the format. Raises DataError where none can be decoded.
        """
        found = {file: self._recalled(file) for file in files}
        new = [file for file, known in found.items() if known is None]
        problems = self._look(new) if new else {}
        sizes = {}
        for file in found:
            if file not in problems:
                known = self.known[_key(file)]
                sizes[file] = (known.height, known.width)
        if problems:
            tell_left_out(list(problems.values()), len(found), pairs)
        _say_otherwise_named(
            [(file, self.known[_key(file)].format) for file in sizes], len(found)
        )
        return sizes

    def save(self) -> None:
        """Writes what is known to the file, if there is news."""
        if self.file is None or not self.news:
            return
        lines = [
            json.dumps({"file": name, **known._asdict()})
            for name, known in self.known.items()
        ]
        write_text(self.file, "".join(f"{line}\n" for line in lines))
        self.news = False

    def _recalled(self, file: Path) -> Sound | None:
        known = self.known.get(_key(file))
        if known is None:
            return None
        try:
            status = file.stat()
        except OSError:
            return None
        same = (status.st_size, status.st_mtime_ns) == (known.bytes, known.changed)
        return known if same else None

    def _look(self, files: list[Path]) -> dict[Path, str]:
        """Decodes the files; {file: why it cannot be decoded}.

        Says once what else is to know about them.
        """
        if len(files) > 1:
            say(f"checking {len(files):,} pictures")
        problems, notices = {}, []
        bar = counting_bar("checking pictures")
        with bar:
            task = bar.add_task("", total=len(files))
            results = side_by_side(_decoded, files)
            for file, result in zip(files, results, strict=True):
                bar.advance(task)
                if isinstance(result, str):
                    problems[file] = result
                else:
                    self.known[_key(file)], told = result
                    notices.append((file, told))
                    self.news = True
        for line in images.alike(notices):
            say(line)
        return problems


def _decoded(file: Path) -> tuple[Sound, tuple[str, ...]] | str:
    """What a file holds and the picture's notices, or why it cannot be decoded."""
    try:
        # Before it is read: should it be changed meanwhile, it is read again.
        status = file.stat()
        picture = images.read(file)
    except PictureError as error:
        return str(error)
    except OSError as error:
        return f"{file}: cannot be opened ({error.strerror}); check it"
    except MemoryError:
        return f"{file}: not enough memory to decode it; make it smaller"
    height, width = picture.pixels.shape[:2]
    size, time = status.st_size, status.st_mtime_ns
    return Sound(size, time, height, width, picture.format), picture.notices


def _key(file: Path) -> str:
    return os.path.abspath(file)


def tell_left_out(problems: list[str], count: int, pairs: bool = False) -> None:
    """Warns once of the pictures that cannot be read; there are `count` in all.

    Raises DataError where none is left.
    """
    listed = "\n".join(sorted(problems))
    what = f"{len(problems):,} of {count:,} pictures cannot be read"
    if len(problems) == count:
        raise DataError(f"{what}; replace them:\n{listed}")
    mates = ", with their mates" if pairs else ""
    warnings.warn(
        f"{what} and are left out{mates}; replace or remove them:\n{listed}",
        stacklevel=4,
    )


def _say_otherwise_named(formats: list[tuple[Path, str]], count: int) -> None:
    notice = images.otherwise_named(formats, count)
    if notice is not None:
        say(notice)


def _read(file: Path) -> dict[str, Sound]:
    def fits(line: dict[str, Any]) -> bool:
        numbers = (line.get(key) for key in ("bytes", "changed", "height", "width"))
        texts = line.get("file"), line.get("format")
        return (
            all(isinstance(number, int) for number in numbers)
            and all(isinstance(text, str) for text in texts)
            and len(line) == len(Sound._fields) + 1
        )

    try:
        lines = read_lines(file, fits)
    except OSError:
        return {}  # a cache: it is made anew
    return {line.pop("file"): Sound(**line) for line in lines}
