"""Keeps TensorFlow's notices off the terminal, and the last words of a crash on it.

TensorFlow, CUDA, oneDNN and XLA write to file descriptor 2 from C++, much of it before
any setting of theirs is read. So the descriptor leads to a filter (`notice_filter`), a
process of its own, which outlives a crash of this one. Processes that are started
later inherit it. What Python itself writes goes to the terminal directly.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys

from deblurgan_tf.cli import notice_filter

_started: list[bool] = []


def start() -> None:
    """From now on, native code writes to standard error through the filter.

    For the process of a command. It stays until the process ends, because native code
    writes at the very end, too.
    """
    # Without a descriptor 2, nothing is seen of the notices either.
    with contextlib.suppress(OSError):
        terminal = os.dup(2)
        _lead_through_filter(terminal)
        encoding = sys.stderr.encoding
        sys.stderr = os.fdopen(terminal, "w", 1, encoding, "backslashreplace")
        # Rich asks this one for the terminal's size.
        sys.__stderr__ = sys.stderr  # type: ignore[misc]
        _started.append(True)


def end() -> None:
    """Tells the filter that the process ends in good order, by an exit of its own.

    Otherwise it shows the last warnings and errors of TensorFlow, as after a crash.
    """
    if _started:
        with contextlib.suppress(OSError):
            os.write(2, notice_filter.END_LINE)


def _lead_through_filter(terminal: int) -> None:
    """Puts the filter between descriptor 2 and `terminal`. Raises OSError."""
    source, sink = os.pipe()
    try:
        os.posix_spawn(
            sys.executable,
            [sys.executable, "-I", "-S", notice_filter.__file__],
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, source, 0),
                (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_DUP2, terminal, 2),
            ],
            # It outlasts what stops this process, also where a terminal or a shell
            # sends the signal to all processes of the command.
            setsigmask=[signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT],
        )
        os.dup2(sink, 2)
    finally:
        os.close(source)
        os.close(sink)
