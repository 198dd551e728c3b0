"""What TensorFlow writes to file descriptor 2 is hidden; everything else is seen."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from deblurgan_tf.cli.notice_filter import END_LINE, LAST_TITLE, LONGEST, WAIT, Filter

# As TensorFlow 2.21 and 2.16, XLA, CUDA and LLVM write them.
NOTICES = b"""\
WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1795737032.507041     705 port.cc:153] oneDNN custom operations are on.
I0000 00:00:1795737060.507515    1248 cpu_feature_guard.cc:227] This TensorFlow binary \
is optimized to use available CPU instructions in performance-critical operations.
To enable the following instructions: AVX2 FMA, in other operations, rebuild TensorFlow
E0000 00:00:1795737034.877896     705 cuda_platform.cc:52] failed call to cuInit: 303
E0000 00:00:1795737105.395656    1381 meta_optimizer.cc:967] remapper failed: while/body
W0000 00:00:1712345678.123456   12345 gpu_device.cc:2344] Cannot dlopen some GPU \
libraries.
Skipping registering GPU devices...
I0000 00:00:1712345678.123456   12345 service.cc:145] XLA service 0x7f initialized
2024-04-05 12:34:56.789012: I tensorflow/core/platform/cpu_feature_guard.cc:210] This
2024-04-05 12:34:56.789012: W external/local_xla/xla/tsl/bfc_allocator.cc:1] Allocator
[2026-11-27 00:13:30,450 I 29735 29735] logging.cc:303: Set ray log level to 3
INFO: Created TensorFlow Lite XNNPACK delegate for CPU.
ptxas warning : Registers are spilled to local memory in function 'fusion'
'+prefer-no-gather' is not a recognized feature for this target (ignoring feature)
"""
WORDS = b"""\
F0000 00:00:1795737105.395656    1381 cpu_feature_guard.cc:1] The TensorFlow library was
terminate called after throwing an instance of 'std::bad_alloc'
  what():  std::bad_alloc
Fatal Python error: Illegal instruction
*** Check failure stack trace: ***
In a line of ours: E0000 00:00:1.2 1 a.cc:1] and I tensorflow/a.cc:1]
error: '+a' is no file
[2026-11-27] is a date in brackets
2024-04-05 is a date
Killed
"""


class Seen:
    """A filter with a clock of its own, and what it passed on."""

    def __init__(self):
        self.now = 100.0
        self.parts = []
        self.filter = Filter(self.parts.append, lambda: self.now)

    def text(self):
        return b"".join(self.parts)


@pytest.mark.parametrize("size", [1, 7, 64, 1 << 16])
def test_notices_are_hidden_and_words_pass(size):
    seen = Seen()
    lines = zip(NOTICES.splitlines(True), WORDS.splitlines(True) * 2, strict=False)
    data = b"".join(one + other for one, other in lines)
    for start in range(0, len(data), size):
        seen.filter.feed(data[start : start + size])
    expected = b"".join((WORDS.splitlines(True) * 2)[: len(NOTICES.splitlines())])
    assert seen.text() == expected


def test_an_unfinished_line_passes_at_once_or_soon():
    seen = Seen()
    seen.filter.feed(b"hello \rworld")
    assert seen.text() == b"hello \rworld" and seen.filter.waits() is None
    seen.filter.feed(b"\nE0000 00")
    assert seen.text() == b"hello \rworld\n"
    seen.now += WAIT / 2
    assert seen.filter.waits() == pytest.approx(WAIT / 2)
    seen.filter.feed(b"0")  # more of the same line does not make it wait longer
    assert seen.filter.waits() == pytest.approx(WAIT / 2)
    seen.filter.release()
    seen.filter.feed(b" x\n")
    assert seen.text().endswith(b"\nE0000 000 x\n")


def test_a_long_line_is_not_held():
    seen = Seen()
    seen.filter.feed(b"I" * (LONGEST + 1))
    assert seen.text() == b"I" * (LONGEST + 1)


@pytest.mark.parametrize("end", [b"", END_LINE])
def test_after_a_crash_the_last_errors_are_shown(end):
    seen = Seen()
    seen.filter.feed(b"E0000 00:00:1.2 1 a.cc:1] long ago\n")
    seen.now += 60
    seen.filter.feed(b"I0000 00:00:1.2 1 a.cc:1] a notice\n")
    seen.filter.feed(b"E0000 00:00:1.2 1 cuda_dnn.cc:1] wrong cuDNN\n" + end + b"la")
    seen.filter.end()
    last = LAST_TITLE + b"E0000 00:00:1.2 1 cuda_dnn.cc:1] wrong cuDNN\n"
    assert seen.text() == b"la" + (b"" if end else last)


def test_the_end_is_known_behind_an_unfinished_line_and_in_two_parts():
    for words, cut in ((b"last words", 0), (b"I0000 unfinished", 0), (b"", 9)):
        seen = Seen()
        seen.filter.feed(b"E0000 00:00:1.2 1 a.cc:1] no crash\n" + words)
        seen.filter.feed(END_LINE[:cut])
        seen.filter.feed(END_LINE[cut:])
        seen.filter.feed(b"I0000 00:00:1.2 1 a.cc:1] at the very end\n")
        seen.filter.end()
        assert seen.text() == words


PROGRAM = """
import os, signal, subprocess, sys
from deblurgan_tf.cli.app import App
app = App()

@app.command()
def main(how: str) -> None:
    os.write(2, b"I0000 00:00:1.2 1 port.cc:153] a notice\\n")
    subprocess.run(["sh", "-c", "echo 'I0000 00:00:1.2 1 port.cc:1] a child' >&2"])
    os.write(2, b"last words")
    print("ours", file=sys.stderr)
    if how == "bug":
        raise RuntimeError("a bug")
    if how != "exit":
        os.kill(os.getpid(), signal.Signals[how])

app()
"""


@pytest.mark.parametrize("how", ["exit", "bug", "SIGABRT", "SIGILL"])
def test_the_last_words_of_a_command_are_seen_however_it_ends(how):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, how],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    code = {"exit": 0, "bug": 1}.get(how) if how.islower() else -signal.Signals[how]
    assert done.returncode == code
    assert "last words" in done.stderr and "ours\n" in done.stderr
    assert "port.cc" not in done.stderr
    assert ("RuntimeError: a bug" in done.stderr) == (how == "bug")
    assert "ended as it should" not in done.stderr


def test_debug_shows_all():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "exit", "--debug"],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert "a notice\n" in done.stderr and "a child\n" in done.stderr
