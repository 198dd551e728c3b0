"""The command: methods beside each other on pairs, restarts, failures."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers.networks import narrow_resnet
from helpers.pictures import photo, save
from PIL import Image
from typer.testing import CliRunner

from deblurgan_tf import evaluate, images
from deblurgan_tf.evaluation import workers
from deblurgan_tf.evaluation.methods import NAMES
from deblurgan_tf.evaluation.records import Records
from deblurgan_tf.evaluation.scores import PROTOCOL
from deblurgan_tf.metrics import pixels as metrics
from deblurgan_tf.storage.installation import install_command
from deblurgan_tf.storage.leftovers import PREFIX

KERNEL = np.full((1, 5), 1 / 5)
NUMBERS = ("psnr", "ssim", "exact_match", "cer", "seconds_per_megapixel")


def pairs(folder, count, size=(40, 48), kernels=True):
    """Pictures blurred along their rows by a kernel of five pixels."""
    (folder / "kernels").mkdir(parents=True)
    for number in range(count):
        sharp = photo(*size, number)
        blurred = cv2.blur(sharp, (5, 1), borderType=cv2.BORDER_REFLECT_101)
        save(folder / "sharp" / f"{number}.png", sharp)
        save(folder / "blurred" / f"{number}.png", blurred)
        if kernels:
            np.save(folder / "kernels" / f"{number}.npy", KERNEL)
    return folder


def run(*arguments):
    """(exit code, what it said); an exception that is not an exit fails the test."""
    result = CliRunner().invoke(evaluate.app, [*map(str, arguments), "--workers", "1"])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert "Traceback" not in result.output
    return result.exit_code, result.output


def results_in(output):
    return json.loads((output / "results.json").read_text())


def without_times(found):
    """The methods' numbers but for the seconds."""
    if isinstance(found, dict):
        return {
            key: without_times(value)
            for key, value in found.items()
            if key != "seconds_per_megapixel"
        }
    return found


def test_all_methods_side_by_side(tmp_path):
    data, output = pairs(tmp_path / "pairs", 2), tmp_path / "out"
    model = tmp_path / "narrow.keras"
    narrow_resnet().save(model)
    command = ("--data", data, "--output", output, "--model", model)
    command = (*command, "--kernel-size", 7)
    code, said = run(*command)
    assert code == 0, said
    found = results_in(output)
    methods, protocol = found["methods"], found["protocol"]
    assert tuple(methods) == NAMES
    for name, numbers in methods.items():
        assert {*NUMBERS, "n", "failed", "per_image"} <= numbers.keys()
        assert (numbers["n"], numbers["failed"]) == (2, [])
        assert list(numbers["per_image"]) == ["0.png", "1.png"]
        folder = output / "restored" / name if name != "blurred" else data / "blurred"
        each = []
        for file, scores in numbers["per_image"].items():
            restored = images.read_rgb(folder / file)
            sharp = images.read_rgb(data / "sharp" / file)
            assert scores["psnr"] == metrics.psnr(restored, sharp)
            assert scores["ssim"] == metrics.ssim(restored, sharp)
            assert scores["shifted_psnr"] == metrics.shifted_psnr(restored, sharp)
            assert scores["cer"] is None and scores["f1"] is None
            each.append(scores["psnr"])
        assert numbers["psnr"] == pytest.approx(np.mean(each))
        low, high = numbers["intervals"]["psnr"]
        assert low <= numbers["psnr"] <= high
        assert (numbers["seconds_per_megapixel"] is None) == (name == "blurred")
        blind = name.startswith("blind_")
        assert (numbers["kernel_similarity"] is not None) == blind
        if blind:
            kernel = np.load(output / "kernels" / name / "0.npy")
            assert kernel.shape == (7, 7)
            value = metrics.kernel_similarity(kernel, KERNEL)
            similarity = numbers["per_image"]["0.png"]["kernel_similarity"]
            assert similarity == pytest.approx(value)
    assert sum(numbers["wins"]["psnr"] for numbers in methods.values()) >= 2
    assert methods["wiener"]["psnr"] > methods["blurred"]["psnr"] + 2
    assert protocol["pictures"] == 2 and protocol["kernel_size"] == 7
    assert protocol["metrics"].keys() == PROTOCOL.keys()
    assert len(protocol["model_sha256"]) == 64
    text = (output / "results.md").read_text()
    assert all(f"| {name} | 2 |" in text for name in NAMES)
    with Image.open(output / "comparison.png") as picture:
        assert picture.width > len(NAMES) * 320

    # The same command again finds everything done, and says the same.
    before = (output / "results.json").read_bytes()
    times = {x: x.stat().st_mtime_ns for x in output.glob("restored/*/*")}
    assert len(times) == 2 * (len(NAMES) - 1)
    code, said = run(*command)
    assert code == 0 and "18 of 18 were done before" in said
    assert (output / "results.json").read_bytes() == before
    assert {x: x.stat().st_mtime_ns for x in output.glob("restored/*/*")} == times


def children(process):
    file = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(number) for number in file.read_text().split()]


def alive(number):
    try:
        return Path(f"/proc/{number}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
def test_a_run_that_is_killed_and_started_again_gives_the_same_table(tmp_path):
    data = pairs(tmp_path / "pairs", 10, (64, 64))
    command = ("--data", data, "--methods", "blurred,richardson_lucy,wiener")
    output, records = tmp_path / "out", tmp_path / "out" / "records.jsonl"

    def lines():
        return records.read_text().splitlines() if records.exists() else []

    for number, code in (
        (signal.SIGKILL, -signal.SIGKILL),
        (signal.SIGTERM, 143),
        (signal.SIGINT, 130),
    ):
        before = lines()
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "deblurgan_tf.evaluate", "--workers", "1"),
                *(*map(str, command), "--output", str(output)),
            ],
            stderr=subprocess.PIPE,
            text=True,
        )
        while len(lines()) < len(before) + 2:
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        begun = children(process)
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
        assert process.returncode == code, said
        assert "Traceback" not in said
        assert lines()[: len(before)] == before  # kept, times and all
        waited = time.monotonic()
        while any(map(alive, begun)):
            assert time.monotonic() - waited < 10, "a process was left behind"
            time.sleep(0.02)
    kept = lines()
    assert 6 <= len(kept) < 30
    assert not (output / "results.json").exists()
    code, said = run(*command, "--output", output)
    assert code == 0 and f"{len(kept)} of 30 were done before" in said
    assert lines()[: len(kept)] == kept

    straight = tmp_path / "straight"
    assert run(*command, "--output", straight)[0] == 0
    one, other = results_in(output), results_in(straight)
    assert without_times(one["methods"]) == without_times(other["methods"])
    assert not list(output.rglob(f"{PREFIX}*"))


def test_one_failing_picture_is_reported_and_the_rest_goes_on(tmp_path):
    data, output = pairs(tmp_path / "pairs", 6), tmp_path / "out"
    (data / "blurred" / "0.png").write_bytes(b"no picture")
    (data / "sharp" / "1.png").unlink()
    save(data / "sharp" / "2.png", photo(40, 47, 2))
    (data / "kernels" / "3.npy").unlink()
    np.save(data / "kernels" / "4.npy", np.ones((2, 2)) / 4)
    command = ("--data", data, "--output", output, "--methods", "blurred,wiener")
    code, said = run(*command)
    assert code == 1
    methods = results_in(output)["methods"]
    failed = {x["file"]: x["error"] for x in methods["wiener"]["failed"]}
    assert list(failed) == ["0.png", "1.png", "2.png", "3.png", "4.png"]
    assert "0.png: not a picture" in failed["0.png"]
    assert "sharp/ has no picture" in failed["1.png"]
    assert "47x40" in failed["2.png"] and "48x40" in failed["2.png"]
    assert "no kernel of this name" in failed["3.png"]
    assert "odd" in failed["4.png"]
    assert methods["wiener"]["n"] == 1
    assert methods["wiener"]["per_image"]["5.png"]["psnr"] > 20
    assert list(methods["blurred"]["per_image"]) == ["3.png", "4.png", "5.png"]
    assert methods["blurred"]["difference_to_blurred"]["psnr"]["mean"] == 0
    assert said.count("failed: wiener") == 5
    assert "- wiener, 3.png: " in (output / "results.md").read_text()
    assert (output / "comparison.png").exists()

    # Mended, only what failed is done.
    np.save(data / "kernels" / "4.npy", KERNEL)
    code, said = run(*command)
    assert code == 1 and "4 of 12 were done before" in said
    assert results_in(output)["methods"]["wiener"]["n"] == 2


def test_other_programs_stand_beside_ours(tmp_path):
    data, output = pairs(tmp_path / "pairs", 4, kernels=False), tmp_path / "out"
    theirs = tmp_path / "theirs"
    for number in range(2):
        picture = images.read_rgb(data / "sharp" / f"{number}.png")
        save(theirs / f"{number}.bmp", picture)
    save(theirs / "2.png", photo(41, 48, 0))
    code, said = run(
        *("--data", data, "--output", output, "--methods", "blurred,wiener"),
        *("--restored", f"maxim={theirs}"),
    )
    assert code == 1
    methods = results_in(output)["methods"]
    assert list(methods) == ["blurred", "maxim"]  # there are no kernels for wiener
    assert "wiener: left out" in said
    maxim = methods["maxim"]
    assert (maxim["n"], maxim["psnr"], maxim["ssim"]) == (2, None, pytest.approx(1))
    assert maxim["per_image"]["0.png"]["psnr"] is None
    # They are the sharp pictures, which do not compete.
    assert maxim["wins"]["psnr"] == 0
    failed = {x["file"]: x["error"] for x in maxim["failed"]}
    assert "48x41" in failed["2.png"]
    assert "no picture of this name of maxim" in failed["3.png"]


def test_what_changed_is_done_again_and_nothing_else(tmp_path):
    data, output = pairs(tmp_path / "pairs", 3), tmp_path / "out"
    command = ("--data", data, "--output", output, "--methods", "blurred,wiener")
    assert run(*command)[0] == 0
    first = results_in(output)["methods"]
    np.save(data / "kernels" / "0.npy", np.full((1, 3), 1 / 3))
    save(data / "blurred" / "1.png", images.read_rgb(data / "sharp" / "1.png"))
    code, said = run(*command)
    assert code == 0
    assert "3 of 6 were done before" in said
    assert "3 earlier results are of other pictures" in said
    second = results_in(output)["methods"]

    def psnr(methods, name):
        return [x["psnr"] for x in methods[name]["per_image"].values()]

    assert psnr(second, "blurred")[1] is None
    assert psnr(second, "blurred")[::2] == psnr(first, "blurred")[::2]
    assert psnr(second, "wiener")[0] < psnr(first, "wiener")[0]
    assert psnr(second, "wiener")[2] == psnr(first, "wiener")[2]
    code, said = run(*command, "--overwrite", "--count", 2)
    assert code == 0 and "done before" not in said
    third = results_in(output)
    assert list(third["methods"]["blurred"]["per_image"]) == ["0.png", "2.png"]
    assert third["protocol"]["pictures_there"] == 3


def test_a_picture_that_takes_too_long_fails_alone(tmp_path):
    data, output = pairs(tmp_path / "pairs", 1), tmp_path / "out"
    command = ("--data", data, "--output", output, "--methods", "blurred,blind_map")
    code, said = run(*command, "--kernel-size", 7, "--limit", 1e-6)
    assert code == 1 and "not done within the limit" in said
    methods = results_in(output)["methods"]
    assert methods["blind_map"]["n"] == 0 and methods["blind_map"]["psnr"] is None
    assert methods["blurred"]["n"] == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--methods", "weiner"], "'weiner'"),
        (["--methods", "weiner"], "; did you mean wiener?"),
        (["--methods", "wiener"], "need the true kernels"),
        (["--kernel-size", "8"], "must be odd"),
        (["--kernel-size", "1"], "3 or more"),
        (["--limit", "0"], "above 0"),
        (["--limit", "nan"], "above 0"),
        (["--count", "0"], "1 or more"),
        (["--rows", "0"], "1 or more"),
        (["--restored", "maxim"], "NAME=DIR"),
        (["--model", "nothing"], "no shipped model"),
        (["--output", "pairs/sharp/out"], "name another folder"),
        (["--output", "pairs/blurred"], "name another folder"),
        (["--data", "nowhere"], "blurred/ and sharp/"),
    ],
)
def test_wrong_usage_is_reported_before_anything_is_done(
    tmp_path, monkeypatch, options, message
):
    monkeypatch.chdir(tmp_path)
    pairs(tmp_path / "pairs", 1, kernels=False)
    result = CliRunner().invoke(
        evaluate.app, ["--data", "pairs", "--output", "out", *options]
    )
    assert result.exit_code == 2, result.output
    assert message in result.output
    assert not (tmp_path / "out" / "records.jsonl").exists()


def test_a_fault_of_this_package_shows_its_traceback(tmp_path, monkeypatch):
    def faulty(function, tasks, processes):
        for task in tasks:
            yield task, {"error": "TypeError: x", "traceback": "Traceback: in here"}

    monkeypatch.setattr(workers, "run", faulty)
    data = pairs(tmp_path / "pairs", 1)
    command = ("--data", data, "--output", tmp_path / "out", "--methods", "blurred")
    result = CliRunner().invoke(evaluate.app, [*map(str, command)])
    assert result.exit_code == 1 and "Traceback: in here" in result.output
    # It is no wrong usage, and no picture stands for it in the report.
    failed = results_in(tmp_path / "out")["methods"]["blurred"]["failed"]
    assert failed == [{"file": "0.png", "error": "TypeError: x"}]


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path, monkeypatch):
    def full(self, task, result):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Records, "add", full)
    data, output = pairs(tmp_path / "pairs", 1), tmp_path / "out"
    code, said = run("--data", data, "--output", output, "--methods", "blurred")
    assert code == 2 and f"{output}: " in said and "No space left" in said


def test_without_the_extra_plates_are_not_read_and_that_is_said(tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name: None if name == "rapidocr" else find(name),
    )
    data, output = pairs(tmp_path / "pairs", 1, kernels=False), tmp_path / "out"
    (data / "texts.csv").write_text("file,text\n0.png,AB123\n")
    code, said = run("--data", data, "--output", output, "--methods", "blurred")
    assert code == 0 and install_command("ocr") in said
    found = results_in(output)
    blurred = found["methods"]["blurred"]
    assert blurred["cer"] is None and blurred["exact_match"] is None
    assert found["protocol"]["reading"] is False
    assert any("need the extra ocr" in x for x in found["protocol"]["left_out"])


@pytest.mark.skipif(
    importlib.util.find_spec("rapidocr") is None, reason="needs the extra ocr"
)
def test_plates_are_read_in_the_processes(tmp_path):
    data, output = pairs(tmp_path / "pairs", 1, (60, 240)), tmp_path / "out"
    plate = np.full((60, 240, 3), 235, np.uint8)
    font = cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(plate, "AB 1234", (20, 45), font, 1.5, (20, 20, 20), 4)
    save(data / "blurred" / "0.png", plate)
    save(data / "sharp" / "0.png", plate)
    (data / "texts.csv").write_text("file,text\n0.png,ab-1235\n")
    command = ("--data", data, "--output", output, "--methods", "blurred")
    assert run(*command)[0] == 0
    scores = results_in(output)["methods"]["blurred"]["per_image"]["0.png"]
    assert scores["read"] == "AB1234"
    assert (scores["exact_match"], scores["cer"]) == (0, pytest.approx(1 / 6))
    # A corrected text is all that is measured again.
    (data / "texts.csv").write_text("file,text\n0.png,AB1234\n")
    assert run(*command)[0] == 0
    assert results_in(output)["methods"]["blurred"]["exact_match"] == 1


def test_help_needs_neither_tensorflow_nor_matplotlib():
    program = (
        "import sys; sys.argv[1:] = ['--help']\n"
        "from deblurgan_tf.evaluate import app\n"
        "try: app()\n"
        "except SystemExit as end: assert not end.code\n"
        "assert not {'tensorflow', 'keras', 'matplotlib'} & sys.modules.keys()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
    )
    assert done.returncode == 0, done.stderr
    for option in ("--data", "--output", "--model", "--methods", "--restored"):
        assert option in done.stdout


@pytest.mark.parametrize("kernel", ["zeros", "nan", "text", "archive"])
def test_a_bad_kernel_fails_its_picture_and_no_more(tmp_path, kernel):
    data, output = pairs(tmp_path / "pairs", 2), tmp_path / "out"
    bad = data / "kernels" / "0.npy"
    if kernel == "text":
        bad.write_text("no kernel")
    elif kernel == "archive":
        with open(bad, "wb") as file:
            np.savez(file, KERNEL)
    else:
        np.save(bad, np.full((5, 5), {"zeros": 0.0, "nan": np.nan}[kernel]))
    methods = "blurred,wiener,blind_edge_prediction"
    code, said = run(
        *("--data", data, "--output", output, "--methods", methods),
        *("--kernel-size", 7),
    )
    assert code == 1 and f"{bad}: not a kernel" in said
    found = results_in(output)["methods"]
    assert found["blurred"]["n"] == 2 and (output / "comparison.png").exists()
    assert [x["file"] for x in found["wiener"]["failed"]] == ["0.png"]


def test_no_input_is_written_over(tmp_path):
    data, output = pairs(tmp_path / "pairs", 1), tmp_path / "out"
    command = ("--data", data, "--methods", "wiener")
    assert run(*command, "--output", data)[0] == 2
    assert run(*command, "--output", data / "kernels" / "mine")[0] == 2
    assert run(*command, "--output", output)[0] == 0
    old = f"before={output / 'restored' / 'wiener'}"
    code, said = run(*command, "--output", output, "--restored", old)
    assert code == 2 and "copy it elsewhere" in said


def test_overwrite_keeps_the_records_of_other_methods(tmp_path):
    data, output = pairs(tmp_path / "pairs", 1), tmp_path / "out"
    command = ("--data", data, "--output", output, "--methods")
    assert run(*command, "wiener,richardson_lucy")[0] == 0
    assert run(*command, "wiener", "--overwrite")[0] == 0
    code, said = run(*command, "wiener,richardson_lucy")
    assert code == 0 and "2 of 2 were done before" in said


def test_a_picture_that_is_not_that_of_its_record_is_made_again(tmp_path):
    data, output = pairs(tmp_path / "pairs", 1), tmp_path / "out"
    command = ("--data", data, "--output", output, "--methods", "wiener")
    assert run(*command)[0] == 0
    restored = output / "restored" / "wiener" / "0.png"
    right = images.read_rgb(restored)
    save(
        restored, np.zeros_like(right)
    )  # as a killed run with another kernel leaves it
    code, said = run(*command)
    assert code == 0 and "were done before" not in said
    np.testing.assert_array_equal(images.read_rgb(restored), right)
