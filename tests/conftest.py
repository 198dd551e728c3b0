"""What has to be so before TensorFlow is imported, and before any test begins."""

import os
import signal

from deblurgan_tf.cli.startup import import_triton

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # its notices about CPU features

# A shell that runs the tests in the background has them ignore Ctrl-C, which some send.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import_triton()
