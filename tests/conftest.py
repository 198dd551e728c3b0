"""What has to be so before TensorFlow is imported by any test."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # its notices about CPU features
