"""Which content loss a run trains on: the config's, or its substitute for VGG19."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from deblurgan_tf.cli.terminal import say
from deblurgan_tf.config import Config
from deblurgan_tf.errors import WeightsUnavailable
from deblurgan_tf.training import run_folder
from deblurgan_tf.training.losses import ContentLoss, content_loss


class Content(NamedTuple):
    """A content loss, and why it is this one."""

    loss: ContentLoss
    weights: dict[str, float]
    why: str


def choose_content(config: Config, run: Path) -> Content:
    """The content loss of a run; a substitute only where the config names one.

    A run that began with a substitute keeps it, and a run that began with VGG19 does
    not change to the substitute. Raises WeightsUnavailable.
    """
    wanted: dict[str, float] = dict(config.loss.content.items())
    options = config.loss.vgg19_weights, config.train.precision
    used = run_folder.read_content(run)
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
