"""The inputs of a command as files, each with the place where its result goes."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from deblurgan_tf import images, video
from deblurgan_tf.cli.terminal import say
from deblurgan_tf.errors import UsageError
from deblurgan_tf.storage.places import resolved


class Job(NamedTuple):
    """A picture or video, and the file that its result is written to."""

    source: Path
    target: Path

    @property
    def is_video(self) -> bool:
        """By the ending of its name."""
        return self.source.suffix.lower() in video.SUFFIXES


def gather(
    inputs: Iterable[str], output: Path, listed: Iterable[str] = ()
) -> list[Job]:
    """Lists the files of the inputs and where their results go.

    inputs: files, folders, patterns, and "-" for the paths in `listed`, one a line. The
    result of a file is output/NAME; a file in a folder keeps its path below the
    folder. In folders only pictures and videos count, by their endings; hidden files
    and what lies in `output` are left out. A file that does not exist or cannot be
    reached is a job too, and so is a folder that cannot be listed: they fail later by
    name, and the others are restored.

    Raises UsageError where two inputs have one target, a target is itself an input, a
    name cannot be used, or there is no input at all.
    """
    passed_over: list[Path] = []
    jobs = _jobs(_files(inputs, output, listed, passed_over), output)
    notice = images.left_out(passed_over)
    if notice is not None:
        say(notice, "yellow")
    if not jobs:
        raise UsageError("the inputs hold no pictures or videos; give files or folders")
    return jobs


def _jobs(files: Iterable[tuple[Path, Path]], output: Path) -> list[Job]:
    """Files and their places below the output -> jobs; raises as `gather`."""
    jobs: dict[Path, Job] = {}
    for source, place in files:
        job = Job(source, output / place)
        other = jobs.setdefault(job.target, job)
        if resolved(other.source) != resolved(source):
            raise UsageError(
                f"{other.source} and {source} would both be written to {job.target}; "
                "give them to two commands with different --output, or give the "
                "folder that holds them, whose structure is kept"
            )
    sources = {resolved(job.source) for job in jobs.values()}
    for job in jobs.values():
        if resolved(job.target) in sources:
            raise UsageError(
                f"{job.target} is an input and would be overwritten by a result; "
                "choose another --output"
            )
    return list(jobs.values())


def _files(
    inputs: Iterable[str],
    output: Path,
    listed: Iterable[str],
    passed_over: list[Path],
    found: bool = False,
) -> Iterator[tuple[Path, Path]]:
    """Yields (file, the place of its result below the output).

    passed_over: gets the files of folders that may be pictures and are not read.
    found: the inputs were found by a list or a pattern, not given one by one. What lies
    in the output is then the result of an earlier run, and left out.
    """
    results = resolved(output)
    found = found and not Path.cwd().is_relative_to(results)
    for text in inputs:
        if text == "-":
            lines = (line.rstrip("\r\n") for line in listed)
            named = (x for x in lines if x and x != "-")
            yield from _files(named, output, (), passed_over, found=True)
            continue
        path = Path(text)
        if _is(path, Path.is_dir):
            yield from _files_of_folder(path, results, passed_over)
        elif found and resolved(path).is_relative_to(results):
            continue
        elif not _is(path, Path.exists) and glob.has_magic(text):
            matches = sorted([*glob.glob(text, recursive=True), *_closed(text)])
            if matches:
                yield from _files(matches, output, (), passed_over, found=True)
            else:  # taken as a file's name; it fails as one
                yield path, Path(path.name)
        else:
            yield path, Path(path.name)


def _files_of_folder(
    folder: Path, results: Path, passed_over: list[Path]
) -> Iterator[tuple[Path, Path]]:
    """Yields as `_files`; results of an earlier run may lie below the folder."""
    root = resolved(folder)
    below = results != root and results.is_relative_to(root)

    def is_result(file: Path) -> bool:
        return below and resolved(file).is_relative_to(results)

    closed: list[Path] = []
    there = images.listed(folder, images.SUFFIXES | video.SUFFIXES, closed)
    passed_over += [file for file in there.passed_over if not is_result(file)]
    for file in [*there.files, *closed]:
        if not is_result(file):
            inside = file.relative_to(folder)
            yield file, inside if inside.name else Path(folder.name)


def _is(path: Path, test: Callable[[Path], bool]) -> bool:
    """Whether a test is true; not for names that are too long or cannot be reached."""
    try:
        return test(path)
    except OSError:
        return False


def _closed(pattern: str) -> Iterator[str]:
    """The folders that ** would enter and that cannot be listed: glob is silent."""
    start, stars, _ = pattern.partition("**")
    refused: list[OSError] = []
    for _ in os.walk(start or ".", onerror=refused.append) if stars else ():
        pass
    for error in refused:
        if os.path.isdir(error.filename):
            yield os.fspath(error.filename)
