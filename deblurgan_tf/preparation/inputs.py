"""The pictures that `prepare` was given."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from deblurgan_tf import images
from deblurgan_tf.cli.terminal import say
from deblurgan_tf.errors import UsageError
from deblurgan_tf.restoring.inputs import Job, gather
from deblurgan_tf.storage.output_folder import make_output_folder


def pictures_given(inputs: Sequence[str], output: Path) -> list[Job]:
    """The pictures of files, folders, patterns and "-" (standard input); no videos.

    Videos are left out in one line that names them.

    Makes the folder `output`.

    Raises:
        UsageError: there are no pictures, they do not go together with `output`, or
            that folder cannot be made.
    """
    jobs = gather(inputs, output, (os.fsdecode(line) for line in sys.stdin.buffer))
    pictures = [job for job in jobs if not job.is_video]
    notice = images.left_out([job.source for job in jobs if job.is_video])
    if notice is not None:
        say(notice, "yellow")
    if not pictures:
        raise UsageError("the inputs hold no pictures; give files or folders")
    make_output_folder(output)
    return pictures
