"""Restore videos frame by frame; everything else in the file stays as it was.

`restore_video` decodes, hands every frame to a function as upright RGB, and encodes
again with the same codec where there is an encoder. Size, frame rate, time stamps (also
at variable rates), rotation, colour tags and chapters are kept; audio, subtitle and
other video tracks are copied packet by packet. Needs the extra `video` (PyAV); nothing
of it is imported before the first video.

What changes on the way: the restored track is compressed anew, at a high quality, with
8 bits a channel in between; interlaced video is written as progressive frames; tracks
of data (a camera's positions, say) are left out, and `VideoReport.left_out` names them.
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

    restore: called once a frame, in the order of time, with RGB uint8 (H, W, 3) the
        way round that players show it; returns the same shape and type. What it raises
        is passed on.
    on_frame: called after each frame with the number written so far and the total, as
        far as the file tells it (None where it does not).

    The number of frames and their times stay. A frame that the decoder calls damaged is
    written as it is, one that it does not give is replaced by the frame before it (at
    the start, by the first good one); both are listed in the report. Damage that
    a decoder hides without a word is restored like any picture.

    The file is written under a temporary name and renamed: on any error there is no
    target, or the one that was there before. Memory holds a few frames, not the video.

    Raises VideoError, naming the file, when PyAV is missing, the source is not a video,
    is damaged beyond reading or ends early, or the target cannot hold it.
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
