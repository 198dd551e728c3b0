"""Lists the commands: `python -m deblurgan_tf`."""

from __future__ import annotations

import sys

from deblurgan_tf import __version__

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
    """Prints the list; returns 2 where arguments were given, which it takes none of."""
    if arguments and arguments not in (["--help"], ["-h"]):
        command = arguments[0] if arguments[0] in COMMANDS else "COMMAND"
        print(
            f"error: commands are modules: python -m deblurgan_tf.{command} --help",
            file=sys.stderr,
        )
        return 2
    print(f"deblurgan_tf {__version__}: restores motion-blurred pictures\n")
    for name, what in COMMANDS.items():
        print(f"  python -m deblurgan_tf.{name:<10} {what}")
    print("\nEach explains itself: python -m deblurgan_tf.COMMAND --help")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
