"""What a user can mend, as one line: no traceback, and an exit code that tells.

Whatever a user's options, files or machine can cause is raised as a `UserError`. Its
message names the file or the value, and the way out. Every command shows it as one line
(`cli.app`). Any other exception is a fault of this package, and shows its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Something that the user can mend; the message says what and how."""

    exit_code = 2


class UsageError(UserError):
    """Options, arguments or inputs that are wrong or do not go together."""


class ConfigError(UserError):
    """A config that cannot be used; the message names the key."""


class DataError(UserError):
    """Pictures, pairs, tables or data sets that cannot be used."""


class ModelError(UserError):
    """A model or a file of weights that cannot be used."""


class WeightsUnavailable(ModelError):
    """VGG19's weights are not there; a config may name a substitute."""


class PictureError(UserError):
    """A picture that cannot be read or written."""


class VideoError(UserError):
    """A video that cannot be read or written."""


class RunError(UserError):
    """The folder of a run or of results that cannot be used as asked."""


class MissingExtra(UserError):
    """An optional dependency is not installed; the message has the command."""


class WorkFailed(UserError):
    """Work that had begun could not be ended: exit code 1."""

    exit_code = 1


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown word: "; did you mean plates?", or ""."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def first_line(error: Exception) -> str:
    """The first line of what an error says; its kind where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
