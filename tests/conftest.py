"""What has to be so before TensorFlow is imported, and before any test begins."""

import contextlib
import importlib
import os
import signal

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # its notices about CPU features

# A shell that runs the tests in the background has them ignore Ctrl-C, which some send.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Of PyTorch, where it is installed: its LLVM crashes when TensorFlow's is there before.
with contextlib.suppress(ImportError):
    importlib.import_module("triton")
