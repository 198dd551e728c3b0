"""Video files: packets and frames in, packets and frames out; the extra `video` (PyAV).

`reading` decodes, `encoding` encodes, `pixels` goes between stored frames and upright
RGB, `timeline` keeps the times of the frames. `restoring.video` puts them together.
"""

from deblurgan_tf.errors import VideoError
from deblurgan_tf.video.report import SUFFIXES, VideoReport

__all__ = ["SUFFIXES", "VideoError", "VideoReport"]
