"""Times one training step on this device, plain and compiled by XLA.

    python bench.py CASE OUT.json --ready FILE --go FILE [--seconds 2.5]

It builds and runs every variant once, writes the file READY, waits for the file GO, and
then times each variant: so that several processes compile side by side and are timed
one after another. Without --go it does not wait. What is known is written at once.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

STARTED = time.time()

# crop: of what is blurred; the network sees it without the margin.
CASES = {
    "paper1": dict(config="paper", batch=1, crop=(128, 192), variants="graph xla xla8"),
    "paper16": dict(config="paper", batch=16, crop=(128, 192), variants="graph xla"),
    "u64": dict(batch=64, crop=(64, 256), variants="graph xla"),
    "u64_float32": dict(batch=64, crop=(64, 256), tf32=False, variants="graph xla"),
    "u64_bfloat16": dict(
        batch=64, crop=(64, 256), precision="mixed_bfloat16", variants="graph xla"
    ),
    "u64_nhwc": dict(batch=64, crop=(64, 256), keep_layout=True, variants="graph xla"),
    "u256": dict(batch=256, crop=(64, 256), variants="graph xla"),
    "u128": dict(batch=64, crop=(128, 256), variants="graph xla"),
    "u128_128": dict(batch=128, crop=(128, 256), variants="graph xla"),
    "u64_deterministic": dict(
        batch=64, crop=(64, 256), deterministic=True, variants="graph xla"
    ),
    "tiny": dict(batch=2, crop=(96, 96), width=8, levels=2, variants="graph xla xla8"),
}


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("case", choices=CASES)
    options.add_argument("out", type=Path)
    options.add_argument("--ready", type=Path)
    options.add_argument("--go", type=Path)
    options.add_argument("--seconds", type=float, default=2.5)
    options.add_argument("--memory", type=int, default=0, help="megabytes")
    options.add_argument("--variants", help="in the place of the case's own")
    options.add_argument("--small", action="store_true", help="a trial on a CPU")
    options = options.parse_args()
    case = dict(CASES[options.case])
    if options.small:
        case |= dict(batch=2, crop=(96, 96), width=8, levels=2)
    if options.variants:
        case["variants"] = options.variants

    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if gpus and options.memory:
        limit = tf.config.LogicalDeviceConfiguration(memory_limit=options.memory)
        tf.config.set_logical_device_configuration(gpus[0], [limit])
    tf.config.experimental.enable_tensor_float_32_execution(case.get("tf32", True))
    if case.get("keep_layout"):  # pictures stay channels last
        tf.config.optimizer.set_experimental_options({"layout_optimizer": False})
    if case.get("deterministic"):
        tf.config.experimental.enable_op_determinism()
    from made_steps import make

    result = {"case": options.case, **case}
    result["device"] = [x.name for x in gpus]
    result["variants"] = {}

    def write() -> None:
        partial = options.out.with_suffix(".partial")
        partial.write_text(json.dumps(result, indent=1))
        os.replace(partial, options.out)

    made = make(case)
    result["seconds_to_build"] = round(time.time() - STARTED, 1)
    write()
    runs = {}
    for name in case["variants"].split():
        facts = result["variants"][name] = {}
        _, step, inputs, steps = made(name)
        begun = time.time()
        try:
            losses = step(*inputs)
            facts["losses"] = {k: float(v) for k, v in losses.items()}
            facts["seconds_to_first_step"] = round(time.time() - begun, 1)
            begun = time.time()
            float(step(*inputs)["generator"])
            facts["seconds_of_second_call"] = round(time.time() - begun, 4)
            runs[name] = (step, inputs, steps)
        except Exception as error:  # one that fails must not hide the others
            facts["error"] = f"{type(error).__name__}: {str(error)[:1500]}"
        write()
        if options.ready:
            Path(f"{options.ready}.{name}").touch()
    if options.ready:
        options.ready.touch()
    while options.go and not options.go.exists():
        time.sleep(0.05)
    for name, (step, inputs, steps) in runs.items():
        facts = result["variants"][name]
        timed(facts, step, inputs, steps, case["batch"], options.seconds)
        if gpus:
            peak = tf.config.experimental.get_memory_info("GPU:0")["peak"]
            facts["peak_gigabytes_so_far"] = round(peak / 1e9, 2)
        write()
    (options.out.with_suffix(".done")).touch()


def timed(facts, step, inputs, steps, batch, seconds) -> None:
    """Steps a second: the median of five parts of the time."""
    float(step(*inputs)["generator"])
    rates = []
    for _ in range(5):
        begun, count = time.perf_counter(), 0
        while True:
            for _ in range(2):
                losses = step(*inputs)
                count += steps
            float(losses["generator"])  # waits for the device
            now = time.perf_counter() - begun
            if now > seconds / 5:
                break
        rates.append(count / now)
    rates.sort()
    facts["steps_a_second"] = round(rates[2], 3)
    facts["lowest_and_highest"] = [round(rates[0], 3), round(rates[-1], 3)]
    facts["crops_a_second"] = round(rates[2] * batch, 1)


if __name__ == "__main__":
    main()
