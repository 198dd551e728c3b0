"""The card of an exported model: what it is, for readers who have only the file."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from deblurgan_tf import __version__
from deblurgan_tf import config as configs
from deblurgan_tf.errors import ConfigError
from deblurgan_tf.storage.provenance import commit
from deblurgan_tf.storage.resources import resource

SIGNATURES = """\
| signature | in | out |
| --- | --- | --- |
| `serving_default` | `image`, uint8 [N, H, W, 3], RGB | `restored`, the same |
| `serve_float` | `image`, float32 [N, H, W, 3] in [0, 1] | `restored`, the same |
| `serve_bytes` | `image_bytes` [N], JPEG or PNG files | `restored_bytes` [N], PNG |

The files of one `serve_bytes` request may differ in size; those of the others may
not. At most {max_pixels:,} pixels a picture are restored (a side below 16 counts as
16); larger ones are refused. One bad file fails its whole request with an error that
says which and why. EXIF orientations are applied and the answer is upright, without
metadata. 16-bit PNG and alpha stay; colour profiles do not; a grey picture's answer
is RGB. GIF, animated PNG and CMYK are refused."""

TENSORS = """\
`image`, uint8 [N, H, W, 3], RGB, any N, H and W from 1 -> `restored`, the same. There
is no limit on the size but memory."""


class Source(NamedTuple):
    """Where a model came from."""

    name: str
    sha256: str
    """Of the .keras file."""
    config: Path | None
    """The training's config.yaml, where it is known."""
    about: Path | None
    """The card of a shipped model."""


def source(given: str, file: Path) -> Source:
    """The source of a model: `given` is --model, `file` the .keras file of it."""
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    if file.name == "generator.keras":  # a run's
        name, config = file.resolve().parent.name, file.with_name("config.yaml")
        return Source(name, digest, config if config.is_file() else None, None)
    if file.stem != given:
        return Source(file.stem, digest, None, None)
    try:
        config = configs.experiment(given)
    except ConfigError:
        return Source(given, digest, None, None)
    return Source(given, digest, config, resource("assets", "models", "README.md"))


def facts(origin: Source, form: str) -> dict[str, str]:
    """Names and values for the metadata of a file."""
    return {
        "model": origin.name,
        "format": form,
        "keras_sha256": origin.sha256,
        "deblurgan_tf": f"{__version__}, commit {commit()}",
        "tensorflow": version("tensorflow"),
        "keras": version("keras"),
    }


def text(origin: Source, form: str, interface: str, measured: Sequence[object]) -> str:
    """The card in Markdown.

    form: the format's name. interface: the signatures or tensors. measured: lines of
    the comparison in a fresh process. A shipped model's card is added, with limits and
    licence.
    """
    known = facts(origin, form)
    table = "\n".join(f"| {key} | {value} |" for key, value in known.items())
    found = "\n".join(f"- {line}" for line in measured)
    card = f"""\
# {origin.name}: restores motion-blurred pictures

A restored picture is an estimate, not evidence: strokes may look right and be wrong.

| | |
| --- | --- |
{table}

## Interface

{interface}

## Compared with deblurgan_tf.predict, in a fresh process

{found}
"""
    if origin.about is not None:
        card += "\n" + origin.about.read_text(encoding="utf-8").replace("# ", "## ", 1)
    return card
