"""The file that an option such as --report names, checked before the work."""

from __future__ import annotations

from pathlib import Path

from deblurgan_tf.errors import UsageError
from deblurgan_tf.storage.leftovers import temporary_name
from deblurgan_tf.storage.regular import NO_TARGET, is_special


def check_output_file(option: str, file: Path) -> None:
    """Raises UsageError now, rather than after hours of work, where a file cannot be.

    A small file is written beside it and removed: rights alone do not tell of a disk
    that is full or read-only. A pipe or device would be replaced by a file, so it is
    refused. option: its name on the command line.
    """
    if not file.parent.is_dir():
        raise UsageError(
            f"{option} {file}: its folder does not exist; name a file in a folder that "
            "exists"
        )
    if is_special(file):
        raise UsageError(f"{option} {file}: {NO_TARGET}")
    trial = temporary_name(file)
    try:
        if file.is_dir():
            raise UsageError(f"{option} {file}: is a folder; name a file")
        trial.write_bytes(b" " * 4096)
    except OSError as error:  # also of a name that is too long
        raise UsageError(
            f"{option} {file}: cannot be written ({error.strerror}); name a file in a "
            "folder that can be written to"
        ) from error
    finally:
        trial.unlink(missing_ok=True)
