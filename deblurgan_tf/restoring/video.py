"""Restore videos frame by frame; everything else in the file stays as it was.

`restore_video` decodes a video, calls a function with every frame, and encodes what it
returns with the same codec where there is an encoder. Size, frame rate, time stamps
(also at variable rates), rotation, colour tags and chapters stay; audio, subtitle and
other video tracks are copied packet by packet. Needs the extra `video` (PyAV), which is
imported with the first video.

What changes: the restored track is compressed anew, at a high quality, with 8 bits per
channel in between; interlaced video is written as progressive frames; data tracks (the
positions of a camera, for example) are left out and listed in `VideoReport.left_out`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from deblurgan_tf.errors import VideoError
from deblurgan_tf.video.report import VideoReport


def restore_video(
    source: Path,
    target: Path,
    restore: Callable[[np.ndarray], np.ndarray],
    on_frame: Callable[[int, int | None], None] | None = None,
) -> VideoReport:
    """Writes `source` to `target`, each frame as `restore` returns it.

    The number of frames and their times stay. A frame that the decoder reports as
    damaged is written as it is. A frame that it does not return is replaced by the
    frame before it (at the start, by the first complete one). Both are listed in the
    report. Damage that the decoder hides is restored like any picture.

    The file is written under a temporary name and renamed. After an error there is no
    target, or the one from before. Memory holds a few frames, not the video.

    Args:
        source: the video.
        target: where the result goes; its name ends as that of the source.
        restore: called with each frame, in the order of time: RGB uint8 (H, W, 3), as
            players show it. Returns the same shape and type. What it raises passes
            through.
        on_frame: called after each frame with the number of frames written so far and
            the total, which is None where the file does not say it.

    Returns:
        What was written: frames, damaged frames, size, codec.

    Raises:
        VideoError: PyAV is missing, the source is not a video, is too damaged to be
            read or ends early, or the target cannot hold it. The message names the
            file.
    """
    try:
        import av  # noqa: F401
    except ImportError:
        raise VideoError(
            f"{source}: videos need PyAV; install it with "
            "pip install 'deblurgan_tf[video]'"
        ) from None
    from deblurgan_tf.restoring.video_pass import restore_file

    return restore_file(Path(source), Path(target), restore, on_frame)
