"""What a command was given, as files: each with the place where its result goes."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from deblurgan_tf import images, video
from deblurgan_tf.errors import UsageError


class Job(NamedTuple):
    source: Path
    target: Path

    @property
    def is_video(self) -> bool:
        return self.source.suffix.lower() in video.SUFFIXES


def gather(
    inputs: Iterable[str], output: Path, listed: Iterable[str] = ()
) -> list[Job]:
    """Files, folders, patterns and "-" -> files and where their results go.

    A file goes to output/NAME; what lies in a folder keeps its path below the folder.
    "-" stands for the paths in `listed`, one a line. In folders only pictures and
    videos count, by their endings, hidden ones and what lies in `output` left out. A
    file that does not exist is a job too: it fails when its turn comes, and the others
    do not.

    Raises UsageError where two inputs have one target, a target is itself an input,
    or there is no input at all.
    """
    jobs: dict[Path, Job] = {}
    for source, place in _files(inputs, output, listed):
        job = Job(source, output / place)
        other = jobs.setdefault(job.target, job)
        if other.source.resolve() != source.resolve():
            raise UsageError(
                f"{other.source} and {source} would both be written to {job.target}; "
                "give them to two commands with different --output, or give the "
                "folder that holds them, whose structure is kept"
            )
    sources = {job.source.resolve() for job in jobs.values()}
    for job in jobs.values():
        if job.target.resolve() in sources:
            raise UsageError(
                f"{job.target} is an input and would be overwritten by a result; "
                "choose another --output"
            )
    if not jobs:
        raise UsageError("the inputs hold no pictures or videos; give files or folders")
    return list(jobs.values())


def _files(
    inputs: Iterable[str], output: Path, listed: Iterable[str], found: bool = False
) -> Iterator[tuple[Path, Path]]:
    """(file, its place below the output)

    found: the inputs come from a list or a pattern, not from the person; what lies in
    the output is then a result of an earlier run.
    """
    results = output.resolve()
    found = found and not Path.cwd().is_relative_to(results)
    for text in inputs:
        if text == "-":
            lines = (line.rstrip("\r\n") for line in listed)
            named = (x for x in lines if x and x != "-")
            yield from _files(named, output, (), found=True)
            continue
        path = Path(text)
        if path.is_dir():
            # Results of an earlier run may lie below the folder that is restored.
            root = path.resolve()
            below = results != root and results.is_relative_to(root)
            for file in images.find(path, images.SUFFIXES | video.SUFFIXES):
                if not (below and file.resolve().is_relative_to(results)):
                    yield file, file.relative_to(path)
        elif found and path.resolve().is_relative_to(results):
            continue
        elif not path.exists() and glob.has_magic(text):
            matches = sorted(glob.glob(text, recursive=True))
            if matches:
                yield from _files(matches, output, (), found=True)
            else:  # it goes on as a name, and fails as one
                yield path, Path(path.name)
        else:
            yield path, Path(path.name)
