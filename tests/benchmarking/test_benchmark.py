"""The benchmark's arithmetic and reports; its figures are no matter of a test."""

import json
import time

import numpy as np
import pytest
import tensorflow as tf
from typer.testing import CliRunner

from deblurgan_tf import benchmark, config
from deblurgan_tf.benchmarking import memory, multiplications, works
from deblurgan_tf.benchmarking.measuring import Case, measure
from deblurgan_tf.benchmarking.reports import Row, report
from deblurgan_tf.benchmarking.timing import seconds_of
from deblurgan_tf.models.deblurgan import patch_critic, resnet_generator
from deblurgan_tf.models.unrolled import unrolled_generator


def test_works_run_alternately_after_one_round_that_is_not_timed():
    calls = []
    named = {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}
    seconds = seconds_of(named, 3)
    assert calls == ["a", "b"] * 4
    assert [len(values) for values in seconds.values()] == [3, 3]


def test_what_is_timed_is_the_work():
    seconds = seconds_of({"sleep": lambda: time.sleep(0.02)}, 3)
    assert min(seconds["sleep"]) >= 0.02


def _resnet(height, width, channels, blocks):
    """Multiplications of `resnet_generator`, written out by hand."""
    whole, half, quarter = (height * width // n for n in (1, 4, 16))
    # The last layer meets the kernel's rows apart, also where they leave the picture.
    ends = (whole + (height + 6) * width) * 49 * 3 * channels
    down = half * 9 * channels * 2 * channels + quarter * 9 * 8 * channels**2
    inside = 2 * blocks * quarter * 9 * (4 * channels) ** 2
    # A transposed convolution multiplies each pixel that goes in by its whole kernel.
    up = quarter * 9 * 8 * channels**2 + half * 9 * 2 * channels**2
    return ends + down + inside + up


@pytest.mark.parametrize("count", [1, 3])
def test_a_generators_multiplications_are_those_counted_by_hand(count):
    generator = resnet_generator(width=2, blocks=1)
    found = multiplications.of_model(generator, (count, 32, 48, 3))
    assert found == count * _resnet(32, 48, 2, 1)


def test_a_critics_multiplications_are_those_counted_by_hand():
    # 32x32 -> 17 -> 9 -> 10 -> 11 with padding 2 and kernels of 4.
    critic = patch_critic(width=2, depth=2)
    found = multiplications.of_model(critic, (1, 32, 32, 3))
    layers = [(17 * 17, 3, 2), (9 * 9, 2, 4), (10 * 10, 4, 8), (14 * 11, 8, 1)]
    assert found == sum(places * 16 * a * b for places, a, b in layers)


def test_an_unrolled_generator_makes_its_matrices_once_a_batch():
    generator = unrolled_generator(levels=1, width=2)
    one, two = (multiplications.of_model(generator, (n, 32, 32, 3)) for n in (1, 2))
    # The matrices of the waves are made once for all pictures.
    assert one < two < 2 * one


def test_gradients_and_rounds_of_a_loop_are_counted():
    kernel = tf.Variable(tf.ones([3, 3, 2, 4]))

    @tf.function
    def step(pictures):
        total = tf.constant(0.0)
        for _ in tf.range(5):
            with tf.GradientTape() as tape:
                tape.watch(pictures)
                loss = tf.reduce_sum(tf.nn.conv2d(pictures, kernel, 1, "SAME") ** 2)
            one, other = tape.gradient(loss, [pictures, kernel])
            total += tf.reduce_sum(one) + tf.reduce_sum(other)
        return total

    graph = step.get_concrete_function(tf.TensorSpec((2, 8, 6, 2)))
    once = 2 * 8 * 6 * 9 * 2 * 4
    assert multiplications.of_graph(graph, iterations=5) == 5 * 3 * once


def test_a_gradient_that_is_not_used_is_not_counted():
    kernel = tf.Variable(tf.ones([3, 3, 2, 4]))

    @tf.function
    def step(pictures):
        with tf.GradientTape() as tape:
            tape.watch(pictures)
            loss = tf.reduce_sum(tf.nn.conv2d(pictures, kernel, 1, "SAME") ** 2)
        _unused, used = tape.gradient(loss, [pictures, kernel])
        kernel.assign_sub(used)  # counts though no output depends on it
        return loss

    graph = step.get_concrete_function(tf.TensorSpec((2, 8, 6, 2)))
    kinds = {operation.type for operation in graph.graph.get_operations()}
    assert {"Conv2DBackpropInput", "Conv2DBackpropFilter"} <= kinds
    assert multiplications.of_graph(graph) == 2 * (2 * 8 * 6 * 9 * 2 * 4)


def test_sizes_that_are_not_known_are_refused():
    generator = resnet_generator(width=2, blocks=1)
    with pytest.raises(ValueError, match="not known"):
        multiplications.of_model(generator, (1, None, 32, 3))


def test_tiles_are_counted_one_by_one():
    picture = works.picture(40, 64)
    restorer = works.Restoring(resnet_generator(width=2, blocks=1), tile=1024)
    assert restorer.multiplications(picture) == _resnet(40, 64, 2, 1)
    assert restorer.shapes == [(1, 40, 64, 3)]


def test_memory_is_the_peak_above_what_was_there():
    size = 64 * 2**20

    def work():
        np.ones(size, np.uint8).sum()

    found = memory.peak(work)
    if found is None:
        pytest.skip("measured on Linux alone")
    assert 0.9 * size < found < 1.5 * size


def test_the_report_gives_medians_rates_and_ratios_to_the_last(tmp_path, capsys):
    path = tmp_path / "figures.json"
    rows = [
        Row("one", [1.0, 9.0, 2.0], 4, 10**9, 10**9, 2**20),
        Row("other", [4.0, 4.0, 5.0]),
    ]
    report("title", rows, path, {"extra": 3.5})
    record = json.loads(path.read_text())
    one, other = record["rows"]["one"], record["rows"]["other"]
    assert (one["median"], other["median"]) == (2.0, 4.0)
    assert one["pictures_per_second"] == 2.0
    assert one["multiplications_per_second"] == 5e8
    assert one["share_of_product"] == one["ratio"] == 0.5
    assert other["multiplications"] is None
    assert record["extra"] == 3.5 and one["seconds"] == [1.0, 9.0, 2.0]
    assert "0.500" in capsys.readouterr().out


def test_rates_are_set_against_the_product_of_the_same_precision(monkeypatch):
    monkeypatch.setattr(multiplications, "SIDE", 64)
    cases = [
        Case("a", lambda: None, 1, 1000, "mixed_bfloat16"),
        Case("b", lambda: None, 2, None, "float32"),
    ]
    product, a, b = measure(cases, 1)
    assert product.name == "matrix product bfloat16"
    assert a.product_rate == product.product_rate == 64**3 / product.median
    assert b.rate is None and b.pictures == 2


def test_a_steps_multiplications_grow_as_its_pictures():
    small = {"model.width": 2, "model.blocks": 1, "model.critic_width": 2}
    small |= {"loss.content": "{l1: 1.0}", "blur.kernels": 4, "blur.canvas": 9}
    small |= {"blur.length": 5}
    keys = [f"{key}={value}" for key, value in small.items()]
    chosen = config.load(config.experiment("plates_paper"), keys)
    steps = works.TrainingSteps(chosen)
    one, two = (steps.multiplications(32, batch) for batch in (1, 2))
    assert two == 2 * one
    generator = _resnet(32, 32, 2, 1)
    assert one > 3 * generator - 32 * 32 * 49 * 3 * 2  # no gradient of the picture


# PyTorch's build for GPUs says so where there is none.
@pytest.mark.filterwarnings("ignore:CUDA initialization")
@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ["blur", "--side", "64", "--count", "64"],
        ["train", "--side", "40", "--side", "64", "--no-torch"],
        ["train", "--side", "40", "--no-torch", "--precision", "mixed_bfloat16"],
        ["train", "--side", "40", "--torch"],
        [
            *("predict", "--height", "32", "--width", "48", "--no-torch"),
            *("--model", "plates_quick", "--model", "photos"),
        ],
        ["predict", "--height", "32", "--width", "48", "--torch"],
        ["data", "--batches", "4", "--no-step"],
        ["data", "--batches", "4", "--set", "data.crop=[40,48]", "--step"],
    ],
)
def test_every_command_runs(command, tmp_path):
    if "--torch" in command:
        pytest.importorskip("torch", reason="needs the extra torch")
    path = tmp_path / "figures.json"
    command = [*command, "--rounds", "1", "--json", str(path)]
    result = CliRunner().invoke(benchmark.app, command)
    assert result.exit_code == 0, result.output
    rows = json.loads(path.read_text())["rows"]
    assert all(row["median"] > 0 for row in rows.values())


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["predict", "--precision", "float16"], "float32 or bfloat16"),
        (["train", "--side", "40", "--side", "32"], "too small"),
        (["predict", "--model", "no_such"], "no_such"),
        (["train", "--set", "data.bach=2"], "bach"),
        (["data", "--set", "data.source=folder"], "data.path"),
        (["blur", "--json", "no_such/figures.json"], "its folder does not exist"),
    ],
)
def test_wrong_usage_is_one_sentence(command, message):
    result = CliRunner().invoke(benchmark.app, command)
    assert result.exit_code == 2 and message in result.output
