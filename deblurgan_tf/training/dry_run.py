"""What `train --dry-run` prints, and all that keeps the run from its first step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deblurgan_tf import config as configs
from deblurgan_tf.cli.terminal import harmless
from deblurgan_tf.config import Config
from deblurgan_tf.data import Source, open_source
from deblurgan_tf.devices import prepare_devices
from deblurgan_tf.errors import UsageError, UserError
from deblurgan_tf.training import checkpoints, run_folder
from deblurgan_tf.training.content import choose_content
from deblurgan_tf.training.distribution import open_strategy, strategy_name
from deblurgan_tf.training.learning_rate import lengthenings
from deblurgan_tf.training.schedule import total_steps
from deblurgan_tf.training.start_from import start_from
from deblurgan_tf.training.state import State, new_state


def dry_run(config: Config, run: Path) -> None:
    """Prints the config, the sizes of networks and data and the steps of a training.

    It goes the way of `loop.train` up to the first step, but makes and changes nothing
    in `run`, and goes on behind an error to find the next. Raises the error that it
    found, or a UsageError that lists them. What the training would download (VGG19's
    weights) or prepare (a tensorflow-datasets set), this does too. Other workers are
    not waited for.
    """
    print(configs.dump(config))
    problems: list[UserError] = []

    @contextmanager
    def checked() -> Iterator[None]:
        try:
            yield
        except UserError as error:
            problems.append(error)

    prepare_devices()
    with checked():
        if strategy_name(config) != "multi_worker":
            open_strategy(config)
    with checked():
        run_folder.check_writable(run)
    with checked():
        run_folder.check_unchanged(run, config)
    with checked():
        run_folder.check_log(run)
    state = new_state(config)
    print(f"generator: {state.generator.count_params():,} parameters")
    if state.critic is not None:
        print(f"critic: {state.critic.count_params():,} parameters")
    with checked():
        with run_folder.checked_pictures(run, keep=False) as known:
            source = open_source(config, known)
        _print_data(source)
        run_folder.check_same_pictures(run, source.names())
        print(f"steps: {total_steps(config, source):,}")
    with checked():
        _begin(config, run, state)
    if not problems:  # needs the data, and the config and the step of the run
        with checked():
            lengthenings(run, config, source, int(state.step))
    with checked():
        choose_content(config, run)
    if len(problems) == 1:
        raise problems[0]
    if problems:
        lines = "".join(f"\n- {problem}" for problem in problems)
        raise UsageError(f"{len(problems)} things keep the training from it:{lines}")


def _print_data(source: Source) -> None:
    size = "endless" if source.size is None else f"{source.size:,} sharp pictures"
    print(f"data: {size} to train on, {len(source.validation)} to validate on")


def _begin(config: Config, run: Path, state: State) -> None:
    checkpoint = checkpoints.latest(run)
    if checkpoint:
        checkpoints.restore(checkpoint, state)
        print(f"{harmless(str(run))}: would go on after step {int(state.step):,}")
    elif config.train.start_from is not None:
        start_from(config.train.start_from, state)
