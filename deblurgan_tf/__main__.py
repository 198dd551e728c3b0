"""Lists the commands: `python -m deblurgan_tf`."""

from __future__ import annotations

import sys

from deblurgan_tf import __version__
from deblurgan_tf.errors import did_you_mean

COMMANDS = {
    "train": "train a generator on pictures or rendered number plates",
    "predict": "restore pictures, folders, videos and number plates",
    "evaluate": "measure a model beside the classical methods",
    "export": "write a model for TensorFlow Serving, ONNX or LiteRT",
    "prepare": "cut plates, make blurred and sharp pairs, check and pack data",
    "batch": "restore many pictures: folders, object stores, Parquet",
    "demo": "restore pictures in a page of the browser",
    "convert": "carry over PyTorch weights and models of version 0.1",
    "benchmark": "measure the speed of blur, training, restoring and data",
}


def main(arguments: list[str]) -> int:
    """Prints the list, the version, or installs completion; returns the exit code."""
    if arguments[:1] == ["--install-completion"] and len(arguments) <= 2:
        return _install_completion(*arguments[1:])
    if arguments == ["--version"]:
        print(f"deblurgan_tf {__version__}")
        return 0
    if arguments and arguments not in (["--help"], ["-h"]):
        return _refuse(arguments[0])
    print(f"deblurgan_tf {__version__}: restores motion-blurred pictures\n")
    for name, what in COMMANDS.items():
        print(f"  python -m deblurgan_tf.{name:<10} {what}")
    print(
        "\nEach explains itself: python -m deblurgan_tf.COMMAND --help\n"
        "They are installed as deblurgan-COMMAND, too. To complete these with the tab "
        "key:\n  python -m deblurgan_tf --install-completion"
    )
    return 0


def _refuse(word: str) -> int:
    command = word if word in COMMANDS else "COMMAND"
    near = "" if word in COMMANDS else did_you_mean(word, COMMANDS)
    print(
        f"error: commands are modules: python -m deblurgan_tf.{command} --help{near}",
        file=sys.stderr,
    )
    return 2


def _install_completion(shell: str | None = None) -> int:
    """For all commands; shell: bash, zsh or fish, by default the one that calls."""
    # Typer takes a tenth of a second to import, and the list does without.
    from typer import Exit
    from typer.completion import install  # type: ignore[attr-defined]

    for name in COMMANDS:
        program = f"deblurgan-{name}"
        variable = f"_{program}_COMPLETE".replace("-", "_").upper()
        try:
            shell, path = install(shell, prog_name=program, complete_var=variable)
        except Exit as refused:  # an unknown shell; Typer has said so
            return 2 if refused.exit_code else 0
        print(f"{program}: {path}")
    print("open a new terminal, and the tab key completes their options")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
