"""What people are told about many picture files: one line for all that is alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from deblurgan_tf.images.picture import FORMATS

_NAMED = 3  # files that a line names


class Seen(NamedTuple):
    """A picture file that was read: see `Picture` for its format and notices."""

    path: Path | str
    format: str
    notices: tuple[str, ...]


def left_out(paths: Sequence[Path | str]) -> str | None:
    """One line about files that were passed over; None for none of them.

    Their endings are counted and the first of them are named.
    """
    if not paths:
        return None
    endings = Counter(Path(path).suffix.lower() or "no ending" for path in paths)
    kinds = ", ".join(f"{count:,} {ending}" for ending, count in endings.most_common())
    names = ", ".join(str(path) for path in paths[:_NAMED])
    more = len(paths) - _NAMED
    if more > 0:
        names += f" and {more:,} more"
    return (
        f"left out, because their names do not end as those of pictures do: {kinds} "
        f"({names}); convert or rename them to have them read"
    )


def about(seen: Sequence[Seen], *, written: bool = False) -> Iterator[str]:
    """A few lines about many files: what was missing, and names that do not fit.

    written: results are written in the files' formats and under their names.
    """
    yield from alike((each.path, each.notices) for each in seen)
    formats = ((each.path, each.format) for each in seen)
    notice = otherwise_named(formats, len(seen), written=written)
    if notice is not None:
        yield notice


def otherwise_named(
    files: Iterable[tuple[Path | str, str]], count: int, *, written: bool = False
) -> str | None:
    """One line about all files whose names do not tell their formats; None for none.

    files: each with the format of its content. count: how many pictures there are.
    written: results are written under these names too.
    """
    number, first = 0, ""
    for path, kind in files:
        if FORMATS.get(Path(path).suffix.lower()) != kind:
            number += 1
            first = first or f"{path} is a {kind}"
    if not number:
        return None
    done = "read, and written," if written else "read"
    return (
        f"{number:,} of {count:,} pictures are {done} by their content, which is not "
        f"what their names say (the first: {first})"
    )


def alike(files: Iterable[tuple[Path | str, Sequence[str]]]) -> Iterator[str]:
    """One line for each different notice of the files, with the first one's name."""
    first: dict[str, Path | str] = {}
    counts: Counter[str] = Counter()
    for path, notices in files:
        for notice in notices:
            first.setdefault(notice, path)
            counts[notice] += 1
    for notice, count in counts.items():
        more = f" and {count - 1:,} more" if count > 1 else ""
        yield f"{first[notice]}{more}: {notice}"
