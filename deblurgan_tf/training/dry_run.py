"""What `train --dry-run` prints."""

from __future__ import annotations

from deblurgan_tf import config as configs
from deblurgan_tf.config import Config
from deblurgan_tf.data import Source
from deblurgan_tf.models.deblurgan import build_critic, build_generator
from deblurgan_tf.training.schedule import total_steps


def describe(config: Config, source: Source) -> str:
    """The config, the size of the networks and of the data, and the steps."""
    generator = build_generator(config.model).count_params()
    lines = [configs.dump(config).rstrip(), "", f"generator: {generator:,} parameters"]
    if config.loss.adversarial != "none":
        critic = build_critic(config.model).count_params()
        lines.append(f"critic: {critic:,} parameters")
    size = "endless" if source.size is None else f"{source.size:,} sharp pictures"
    lines.append(f"data: {size} to train on, {len(source.validation)} to validate on")
    lines.append(f"steps: {total_steps(config, source):,}")
    return "\n".join(lines)
