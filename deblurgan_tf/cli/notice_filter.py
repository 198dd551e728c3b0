"""A program of its own: standard input to standard error, without TensorFlow's notices.

`cli.quiet` starts it by its path, and it ends when every process that writes to it has
ended: so it outlives a crash, and the last words of one are still seen. It imports
little, so that it is there at once.

A line of TensorFlow, CUDA, oneDNN, XLA or Ray is left out if it is a notice, a warning
or an error; what is fatal (F) passes. Every other byte passes at once, but for an
unfinished line that may become a notice: it waits for at most WAIT seconds. Where the
process ended without END_LINE, as in a crash, the warnings and errors of its last
LAST_WORDS seconds follow.
"""

from __future__ import annotations

import io
import os
import re
import select
import time
from collections import deque
from collections.abc import Callable

END_LINE = b"\x1edeblurgan_tf: ended as it should\n"
"""Sent by the process that started the filter, when it has ended in good order."""
WAIT = 0.05
LONGEST = 1 << 14  # bytes of an unfinished line that are held
LAST_WORDS = 5.0
LAST_TITLE = b"the last messages of TensorFlow and others:\n"

_NOTICE = re.compile(
    rb"""
    (?P<level>[IWE])\d{4}\ \d\d:\d\d:[\d.]+\s+\d+\ [\w./+-]+:\d+\]\  # absl
    | \d{4}-\d\d-\d\d\ \d\d:\d\d:\d\d\.\d+:\ (?P<older>[IWE])\ [\w./]+:\d+\]\ 
    | \[\d{4}-\d\d-\d\d\ [\d:,]+\ (?P<ray>[IWE])\ \d+\ \d+\]\  # Ray
    | WARNING:\ All\ log\ messages\ before\ absl::InitializeLog\(\)
    | (INFO|WARNING):\ (Created\ TensorFlow\ Lite|Attempting\ to\ use\ a\ delegate)
    | ptxas\ (info|warning)\s*:
    | '[\w.+-]+'\ is\ not\ a\ recognized\ (feature|processor)\ for\ this\ target
    # Second lines of notices:
    | To\ enable\ the\ following\ instructions:.*TensorFlow
    | Skipping\ registering\ GPU\ devices
    """,
    re.VERBOSE,
)
_FIRST_BYTES = b"IWE['pTS0123456789" + END_LINE[:1]
_ALWAYS = b"failed call to cuInit"  # an error only in name: a machine without a GPU


class Filter:
    """Takes bytes as they come and passes on those that are no notices.

    write: takes the bytes that pass. clock: seconds.
    """

    def __init__(
        self,
        write: Callable[[bytes], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.write = write
        self.clock = clock
        self.held = b""  # the beginning of a line that may become a notice
        self.held_since = 0.0
        self.in_line = False  # whether the beginning of this line has passed
        self.hidden: deque[tuple[float, bytes]] = deque(maxlen=50)
        self.ended_well = False

    def feed(self, data: bytes) -> None:
        """Takes what was read."""
        passing = b""
        since = self.held_since if self.held else self.clock()
        data, self.held = self.held + data, b""
        for line in io.BytesIO(data):
            if line.endswith(END_LINE):  # also behind a line that was not finished
                self.ended_well, self.in_line = True, False
                passing += line.removesuffix(END_LINE)
                continue
            whole = line.endswith(b"\n")
            if not (whole or self.in_line) and line[0] in _FIRST_BYTES:
                self.held = line
                self.held_since = since if line == data else self.clock()
                break
            if self.in_line or not self._is_hidden(line):
                passing += line
            self.in_line = not whole
        if passing:
            self.write(passing)
        if len(self.held) > LONGEST:
            self.release()

    def waits(self) -> float | None:
        """Seconds for which the held line may be held on; None if none is held."""
        if not self.held:
            return None
        return max(0.0, self.held_since + WAIT - self.clock())

    def release(self) -> None:
        """Passes on an unfinished line: it took too long to be a notice."""
        if self.held:
            self.write(self.held)
            self.held, self.in_line = b"", True

    def end(self) -> None:
        """Passes on what is left, and after a crash what was hidden before it."""
        self.release()
        if self.ended_well:
            return
        since = self.clock() - LAST_WORDS
        last = [line for when, line in self.hidden if when >= since]
        if last:
            self.write(LAST_TITLE + b"".join(last))

    def _is_hidden(self, line: bytes) -> bool:
        found = _NOTICE.match(line)
        if found is None:
            return False
        level = found["level"] or found["older"] or found["ray"] or b"I"
        if level != b"I" and _ALWAYS not in line:
            self.hidden.append((self.clock(), line))
        return True


def main() -> None:
    """Filters until the last writer has gone."""

    def write(data: bytes) -> None:
        while data:
            data = data[os.write(2, data) :]

    filtered = Filter(write)
    while True:
        if not select.select([0], [], [], filtered.waits())[0]:
            filtered.release()
            continue
        data = os.read(0, 1 << 16)
        if not data:
            break
        filtered.feed(data)
    filtered.end()


if __name__ == "__main__":
    main()
