"""Video files: decoding and encoding. Needs the extra `video` (PyAV).

`reading` decodes, `encoding` encodes, `pixels` converts between stored frames and
upright RGB, `pixel_formats` chooses how they are stored, `side_data` is what they carry
beside, `aspect` writes the shape of the pixels, `timeline` keeps the times of the
frames. `restoring.video` uses them all.
"""

from deblurgan_tf.errors import VideoError
from deblurgan_tf.video.report import SUFFIXES, VideoReport

__all__ = ["SUFFIXES", "VideoError", "VideoReport"]
