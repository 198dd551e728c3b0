"""Makes banks.npz beside this file: kernels drawn before a GPU is held."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from deblurgan_tf.blur.kernels import kernel_bank

ANXIETY = (0.003, 0.005, 0.007, 0.008, 0.009, 0.01)


def main() -> None:
    mixed = kernel_bank(
        "mixed", 6144, 65, 60.0, ANXIETY, (0.02, 0.1, 0.2, 0.5, 0.7, 1.0), 21
    )
    strong = kernel_bank(
        "mixed", 6144, 65, 60.0, ANXIETY, (0.2, 0.5, 0.5, 0.7, 1.0, 1.0), 25
    )
    # As a car or a steady hand moves: short and straight ones, short paths.
    mild = tf.concat(
        [
            kernel_bank("linear", 1536, 65, 24.0, ANXIETY, (1.0,), 22),
            kernel_bank(
                "trajectory", 1536, 65, 60.0, ANXIETY, (0.05, 0.1, 0.2, 0.3), 23
            ),
        ],
        axis=0,
    )
    paper = kernel_bank("trajectory", 1024, 65, 60.0, ANXIETY, (0.1, 0.5, 1.0), 24)
    banks = {"mixed": mixed, "strong": strong, "mild": mild, "paper": paper}
    np.savez_compressed(
        Path(__file__).with_name("banks.npz"),
        **{name: x.numpy().astype(np.float16) for name, x in banks.items()},
    )


if __name__ == "__main__":
    main()
