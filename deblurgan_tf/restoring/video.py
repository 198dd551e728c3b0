"""Restore videos frame by frame; everything else in the file stays as it was.

`restore_video` decodes a video, calls a function with every frame, and encodes what it
returns with the same codec where there is an encoder. Size, shape of the pixels, frame
rate, time stamps (also at variable rates), rotation, colour tags and chapters stay, and
alpha and chroma where the encoder has them; audio, subtitle and other video tracks are
copied packet by packet. Needs the extra `video` (PyAV), which is
imported with the first video.

What changes: the restored track is compressed anew, at a high quality, with 8 bits per
channel in between. What cannot be kept is left out and listed in
`VideoReport.left_out`: data tracks (the positions of a camera, for example), closed
captions, HDR metadata, interlacing, an alpha channel that the encoder does not take.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from deblurgan_tf.errors import VideoError
from deblurgan_tf.storage.installation import install_command
from deblurgan_tf.video.report import VideoReport


def restore_video(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    restore: Callable[[np.ndarray], np.ndarray],
    on_frame: Callable[[int, int | None], None] | None = None,
) -> VideoReport:
    """Restores a video frame by frame; everything else in the file stays as it was.

    The number of frames and their times stay. A frame that the decoder calls damaged is
    written as it is. One that it does not give is replaced by the frame before it, at
    the start by the first good one. Both are listed in the report. Damage that a
    decoder does not report is restored like any picture.

    The file is written under a temporary name and renamed: after an error there is no
    target, or the one that was there before. Memory holds a few frames, not the video.

    Args:
        source: the video to read.
        target: the video to write; its ending decides on the container.
        restore: called once a frame, in the order of time, with RGB uint8 (H, W, 3),
            upright as players show it; returns the same shape and type. What it raises
            is passed on. `restorer.restore` is one.
        on_frame: called after each frame with the number written so far and the total,
            which is None where the file does not have it.

    Returns:
        A `video.VideoReport`: frames, damage, what was left out.

    Raises:
        VideoError: PyAV is missing, the source is not a video, is damaged beyond
            reading or ends early, or the target cannot hold it; the message names the
            file.
        TypeError: `restore` is no function.

    Examples:
        >>> restorer = deblurgan_tf.load("photos")
        >>> deblurgan_tf.restore_video("in.mp4", "out.mp4", restorer.restore)
    """
    if not callable(restore):
        raise TypeError(
            "restore must be a function of pixels, for example "
            f"deblurgan_tf.load().restore, not {restore!r}"
        )
    try:
        import av  # noqa: F401
    except ImportError:
        raise VideoError(
            f"{source}: videos need PyAV; install it with {install_command('video')}"
        ) from None
    from deblurgan_tf.restoring.video_pass import restore_file

    return restore_file(Path(source), Path(target), restore, on_frame)
