"""Which content loss a run trains on: the config's, or its substitute for VGG19."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import yaml
from pydantic import TypeAdapter

from deblurgan_tf.cli.terminal import say
from deblurgan_tf.config import Config
from deblurgan_tf.config import Content as Losses
from deblurgan_tf.errors import RunError, WeightsUnavailable
from deblurgan_tf.storage.atomic import write_text
from deblurgan_tf.training import checkpoints
from deblurgan_tf.training.losses import ContentLoss, content_loss


class Content(NamedTuple):
    """A content loss, and why it is this one."""

    loss: ContentLoss
    weights: dict[str, float]
    why: str


def choose_content(config: Config, run: Path) -> Content:
    """The content loss of a run; a substitute only where the config names one.

    A run that began with a substitute keeps it, and a run that began with VGG19 does
    not change to the substitute. Raises WeightsUnavailable, and RunError where nothing
    says any more what the run is trained on.
    """
    wanted: dict[str, float] = dict(config.loss.content.items())
    options = config.loss.vgg19_weights, config.train.precision
    used = read_content(run)
    if used is None and config.loss.if_unavailable and checkpoints.latest(run):
        raise RunError(
            f"{run / 'content.yaml'}: is gone, so that nobody knows whether this run "
            "is trained on its substitute; put the file back, or name another folder "
            "with --run to begin a new run"
        )
    if used is not None and used != wanted:
        say(
            f"this run continues with its substitute {used} for {wanted}", "bold yellow"
        )
        return Content(content_loss(used, *options), used, "as before")
    try:
        return Content(content_loss(wanted, *options), wanted, "as in config.yaml")
    except WeightsUnavailable as error:
        if config.loss.if_unavailable is None or used is not None:
            raise
        substitute: dict[str, float] = dict(config.loss.if_unavailable.items())
        say(
            f"WARNING: {error}\nAs loss.if_unavailable says, this run trains on "
            f"{substitute} instead of {wanted}. It is not the paper's loss.",
            "bold yellow",
        )
        why = f"loss.if_unavailable: {error}"
        return Content(content_loss(substitute), substitute, why)


# A substitute for VGG19 must stay the same on resume, so RUN/content.yaml notes it.


def read_content(run: Path) -> dict[str, float] | None:
    """The content losses of the run and their weights; None for a new run."""
    path = run / "content.yaml"
    if not path.exists():
        return None
    try:
        used = yaml.safe_load(path.read_bytes())["used"]
        return dict(TypeAdapter(Losses).validate_python(used).items())
    except (yaml.YAMLError, ValueError, TypeError, LookupError, RecursionError):
        raise RunError(
            f"{path}: does not say which content losses this run is trained on; put "
            "the file back. Where config.yaml has no loss.if_unavailable you may "
            "remove it: it is written again"
        ) from None


def write_content(run: Path, used: dict[str, float], why: str) -> None:
    """Notes the content losses of a new run; what is noted stays."""
    if (run / "content.yaml").exists():
        return
    text = yaml.safe_dump({"used": used, "why": why}, sort_keys=False)
    write_text(run / "content.yaml", text)
