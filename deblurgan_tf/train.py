"""Train DeblurGAN: `python -m deblurgan_tf.train --help`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from deblurgan_tf.cli.app import App
from deblurgan_tf.cli.startup import import_tensorflow
from deblurgan_tf.cli.terminal import harmless

app = App()


@app.command(
    examples=(
        "python -m deblurgan_tf.train --epochs 300",
        "python -m deblurgan_tf.train --config experiments/finetune_plates/config.yaml "
        "--set data.path=MY_PICTURES",
    ),
)
def main(
    config: Annotated[
        Path | None,
        typer.Option(help="the experiment; by default the shipped plates_paper"),
    ] = None,
    run: Annotated[
        Path | None, typer.Option(help="the run's folder  [default: runs/EXPERIMENT]")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="the same as --set train.epochs=N")
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="changes a key of the config"),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="print config, models, data and all that is wrong, and exit",
        ),
    ] = False,
) -> None:
    """Train DeblurGAN on blurred and sharp pictures.

    The same command again resumes. On several machines, start it on each, with its
    place in TF_CONFIG. Exit codes: 0 done, 1 a loss became NaN or a worker
    is gone, 2 wrong usage, config or data, 130 and 143 stopped by Ctrl-C and SIGTERM
    (with a checkpoint).
    """
    # pydantic and TensorFlow take up to seconds to import: --help needs neither, and a
    # wrong config is found without TensorFlow.
    from deblurgan_tf import config as configs

    path = config or configs.experiment("plates_paper")
    extra = [] if epochs is None else [f"train.epochs={epochs}"]
    loaded = configs.load(path, [*(overrides or []), *extra])
    import_tensorflow()
    folder = run or Path("runs") / _experiment_name(path)
    if dry_run:
        from deblurgan_tf.training import dry_run as rehearsal

        rehearsal.dry_run(loaded, folder)
        return
    from deblurgan_tf.training.loop import train

    train(loaded, folder)
    _list_results(folder)


def _experiment_name(path: Path) -> str:
    """The folder of a config.yaml, else the file's name without its ending."""
    return path.resolve().parent.name if path.name == "config.yaml" else path.stem


def _list_results(run: Path) -> None:
    """Says where the pictures are, and what to type next."""
    from deblurgan_tf.storage import installation
    from deblurgan_tf.storage.resources import resource

    results = {
        "progress.png": "the samples over time: blurred, restored, sharp",
        "loss.png": "the losses and the validation",
        "samples": "the samples of each time, larger",
        "generator.keras": "the best generator by validation",
        "log.jsonl": "the numbers",
    }
    print("Look at:")
    for name, meaning in results.items():
        if (run / name).exists():
            print(f"  {harmless(str(run / name))}  {meaning}")
    if not (run / "generator.keras").exists():
        return
    sample = installation.shown(resource("assets", "samples", "plate-1-blurred.png"))
    python, folder = installation.python(), harmless(shlex.quote(str(run)))
    print(f"""Restore a picture with this model:
  {python} -m deblurgan_tf.predict {shlex.quote(str(sample))} \\
      --model {folder} --output restored_by_{harmless(shlex.quote(run.name))}
Train longer: the same command with --set train.steps=N or --epochs N""")


if __name__ == "__main__":
    app()
