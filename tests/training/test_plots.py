"""Figures are made of what a run stored, and show it."""

from __future__ import annotations

import os

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from deblurgan_tf.training import curves, plots
from deblurgan_tf.training import run_folder as runs
from deblurgan_tf.training.validation import Triplet

COLOURS = {
    "blurred": (200, 30, 40),
    "restored": (30, 190, 60),
    "sharp": (20, 70, 210),
}


def triplet(shift=0, size=(24, 36)):
    """Three pictures of one colour each; `shift` differs between rows and steps."""
    return Triplet(
        *(
            np.full((*size, 3), np.array(colour) + shift, np.uint8)
            for colour in COLOURS.values()
        )
    )


def log(run, steps, adversarial=True):
    for step in steps:
        losses = {"content": 5.0 / step, "generator": 5.0 / step}
        if adversarial:
            losses |= {"critic": -0.1 * step, "penalty": 0.5, "adversarial": 0.01}
        runs.append_log(run, {"step": step, **losses, "learning_rate": 1e-4})
        if step % 2 == 0:
            names = ("psnr", "ssim", "psnr_blurred", "ssim_blurred")
            values = zip(names, (20.0 + step, 0.8, 19.0, 0.7), strict=True)
            runs.append_log(run, {"step": step, **dict(values)})


def pixels(path):
    return np.asarray(Image.open(path).convert("RGB"))


def patches(picture, colour):
    """Columns of the runs of pixels of one colour: (first, last) of each."""
    inside = np.all(picture == np.array(colour, np.uint8), axis=2).sum(0) > 20
    edges = np.flatnonzero(np.diff(np.concatenate([[0], inside, [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def area(picture, colour):
    return int(np.all(picture == np.array(colour, np.uint8), axis=2).sum())


def charts(records):
    """The charts of loss.png by their titles."""
    figure = Figure()
    curves.draw_all(figure, records)
    named = {axis.get_title(loc="left"): axis for axis in figure.axes}
    return {title: axis for title, axis in named.items() if title}


def axes_of(figure):
    found = list(figure.axes)
    for part in getattr(figure, "subfigs", []):
        found += [axis for axis in part.axes if axis not in found]
    return found


def test_the_samples_show_blurred_restored_and_sharp_in_this_order(tmp_path):
    log(tmp_path, [1, 2])
    plots.save_samples(tmp_path, 2, [triplet(), triplet(shift=20)])
    picture = pixels(tmp_path / "samples" / "step-00000002.png")
    for shift in (0, 20):
        spots = [
            patches(picture, tuple(np.array(colour) + shift))
            for colour in COLOURS.values()
        ]
        assert [len(spot) for spot in spots] == [1, 1, 1]
        (blurred,), (restored,), (sharp,) = spots
        assert blurred[1] <= restored[0] and restored[1] <= sharp[0]
        # All of one size, and the curves to the right of them.
        assert np.ptp([right - left for left, right in (blurred, restored, sharp)]) <= 2
        assert sharp[1] < 0.62 * picture.shape[1]
    rows = np.all(picture == COLOURS["sharp"], axis=2).any(1).nonzero()[0]
    below = np.all(picture == np.array(COLOURS["sharp"]) + 20, axis=2).any(1)
    assert rows.max() < below.nonzero()[0].min()


def test_the_samples_are_stored_exactly_beside_their_picture(tmp_path):
    rng = np.random.default_rng(0)
    stored = [
        Triplet(*rng.integers(0, 256, (3, 20, 30, 3), dtype=np.uint8)) for _ in "ab"
    ]
    plots.save_samples(tmp_path, 1200, stored)
    with np.load(tmp_path / "samples" / "step-00001200.npz") as arrays:
        assert len(arrays.files) == 6
        for number, each in enumerate(stored):
            for name, picture in each._asdict().items():
                assert np.array_equal(arrays[f"{name}_{number}"], picture)
    names = sorted(path.name for path in (tmp_path / "samples").iterdir())
    assert names == ["step-00001200.npz", "step-00001200.png"]


def test_samples_before_the_first_line_of_the_log_are_drawn_without_curves(tmp_path):
    plots.save_samples(tmp_path, 1, [triplet()])
    picture = pixels(tmp_path / "samples" / "step-00000001.png")
    assert area(picture, COLOURS["sharp"]) > 1000


def test_the_curves_beside_the_samples_end_at_their_step(tmp_path):
    records = [{"step": step, "content": 1.0, "generator": 1.0} for step in (1, 2, 3)]
    figure = plots.samples_figure([triplet()], records[:2], 2)
    lines = [line for axis in axes_of(figure) for line in axis.get_lines()]
    assert [line.get_xdata().tolist() for line in lines] == [[1, 2]]


def test_the_loss_curves_hold_the_values_of_the_log(tmp_path):
    log(tmp_path, [1, 2, 3, 4])
    drawn = charts(runs.read_log(tmp_path))
    assert list(drawn) == [
        "Generator and critic loss",
        "Content loss",
        "Adversarial loss of the generator",
        "Gradient penalty of the critic",
        "PSNR of the validation pictures, higher is better",
        "SSIM of the validation pictures, higher is better",
    ]
    generator, content, adversarial, penalty, psnr, ssim = drawn.values()
    for axis in (generator, content):
        (line,) = axis.get_lines()
        assert np.allclose(line.get_ydata(), [5, 5 / 2, 5 / 3, 5 / 4])
        assert line.get_xdata().tolist() == [1, 2, 3, 4]
        assert axis.get_xlabel() == "step"
    assert np.allclose(adversarial.get_lines()[0].get_ydata(), 0.01)
    assert np.allclose(penalty.get_lines()[0].get_ydata(), 0.5)
    restored, best, blurred = psnr.get_lines()
    assert restored.get_xdata().tolist() == [2, 4]
    assert restored.get_ydata().tolist() == [22.0, 24.0]
    assert (best.get_xdata(), best.get_ydata()) == ([4], [24.0])
    assert set(blurred.get_ydata()) == {19.0}
    assert [axis.get_ylabel() for axis in (psnr, ssim)] == ["PSNR, dB", "SSIM, 0 to 1"]


def test_generator_and_critic_are_in_one_chart_and_tell_apart_in_grey(tmp_path):
    log(tmp_path, [1, 2, 3, 4])
    figure = Figure()
    curves.draw_all(figure, runs.read_log(tmp_path))
    names = ("generator loss", "critic loss")
    axis, other = (x for x in figure.axes if x.get_ylabel() in names)
    assert axis.bbox.bounds == other.bbox.bounds
    (generator,), (critic,) = axis.get_lines(), other.get_lines()
    assert np.allclose(critic.get_ydata(), [-0.1, -0.2, -0.3, -0.4])
    greys = [
        np.dot(to_rgb(line.get_color()), (0.299, 0.587, 0.114))
        for line in (generator, critic)
    ]
    assert abs(greys[0] - greys[1]) > 0.2
    assert generator.get_linestyle() != critic.get_linestyle()
    assert len(other.get_legend().get_texts()) == 2


def test_the_curves_are_over_epochs_where_the_log_has_them(tmp_path):
    records = [
        {"step": step, "epoch": step / 4, "content": 1.0, "generator": 1.0}
        for step in (2, 4, 8)
    ]
    drawn = charts(records)
    assert drawn["Generator loss"].get_xlabel() == "epoch"
    (line,) = drawn["Generator loss"].get_lines()
    assert line.get_xdata().tolist() == [0.5, 1.0, 2.0]
    # A log that was begun by an earlier version has none in its first lines.
    del records[0]["epoch"]
    assert charts(records)["Generator loss"].get_xlabel() == "step"


def test_many_values_are_drawn_with_their_moving_average():
    values = np.random.default_rng(0).normal(2.0, 1.0, 400)
    records = [
        {"step": step, "generator": value, "content": value}
        for step, value in enumerate(values, 1)
    ]
    each, mean = charts(records)["Content loss"].get_lines()
    assert np.array_equal(each.get_ydata(), values)
    place = int(np.flatnonzero(mean.get_xdata() == 200)[0])
    assert mean.get_ydata()[place] == pytest.approx(values[190:210].mean())


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([12.0, 5.0, 3.0], None),  # one decade: a scale of equal steps
        ([200.0, 20.0, 2.0], {"2", "5", "10", "20", "50", "100", "200"}),
        ([40000.0, 300.0], {"500", "1,000", "2,000", "5,000", "10,000", "20,000"}),
    ],
)
def test_the_ticks_of_a_loss_are_plain_numbers(values, ticks):
    records = [
        {"step": step, "generator": value, "content": value}
        for step, value in enumerate(values, 1)
    ]
    figure = Figure()
    curves.draw_all(figure, records)
    (axis,) = (x for x in figure.axes if x.get_title(loc="left") == "Content loss")
    figure.draw_without_rendering()
    shown = {label.get_text() for label in axis.get_yticklabels()}
    assert not any("$" in text or "e" in text for text in shown)
    assert (axis.get_yscale() == "log") == (ticks is not None)
    assert (ticks or set()) <= shown


def test_a_training_without_a_critic_has_no_curves_of_it(tmp_path):
    log(tmp_path, [1, 3], adversarial=False)
    assert list(charts(runs.read_log(tmp_path))) == ["Generator loss", "Content loss"]


def test_drawing_again_from_the_files_gives_the_same_pixels(tmp_path):
    log(tmp_path, range(1, 9))
    for step in (2, 8):
        plots.save_samples(tmp_path, step, [triplet(shift=step)])
    first = plots.redraw(tmp_path)
    assert [path.name for path in first] == ["loss.png", "progress.png"]
    before = [path.read_bytes() for path in first]
    for path in first:
        path.unlink()
    assert plots.redraw(tmp_path) == first
    assert [path.read_bytes() for path in first] == before
    assert not list(tmp_path.glob(".*"))


def test_the_progress_page_shows_each_step_between_blurred_and_sharp(tmp_path):
    steps = (10, 20, 30)
    for step in steps:
        stored = triplet()._replace(restored=triplet(shift=step).restored)
        plots.save_samples(tmp_path, step, [stored])
    (path,) = plots.redraw(tmp_path)
    assert path.name == "progress.png"
    picture = pixels(path)
    colours = [
        COLOURS["blurred"],
        *(tuple(np.array(COLOURS["restored"]) + step) for step in steps),
        COLOURS["sharp"],
    ]
    spots = [patches(picture, colour) for colour in colours]
    assert [len(spot) for spot in spots] == [1] * 5
    lefts = [spot[0][0] for spot in spots]
    assert lefts == sorted(lefts)


@pytest.mark.parametrize("count", [7, 40])
def test_the_progress_page_of_a_long_training_keeps_the_first_and_last(tmp_path, count):
    folder = tmp_path / "samples"
    folder.mkdir()
    paths = []
    for step in range(1, count + 1):
        arrays = {f"{k}_0": v for k, v in triplet()._asdict().items()}
        paths.append(folder / f"step-{step:08d}.npz")
        np.savez(paths[-1], **arrays)
    figure = plots.progress_figure(paths)
    titles = [axis.get_title() for axis in figure.axes]
    assert len(titles) == plots.COLUMNS + 2
    assert titles[0] == "blurred" and titles[-1] == "sharp"
    assert titles[1] == "step 1" and titles[-2] == f"step {count}"
    assert len(set(titles)) == len(titles)


def test_the_progress_page_has_a_row_for_each_sample(tmp_path):
    plots.save_samples(tmp_path, 5, [triplet(), triplet(shift=9), triplet(shift=18)])
    (path,) = plots.redraw(tmp_path)
    for shift in (0, 9, 18):
        assert area(pixels(path), np.array(COLOURS["sharp"]) + shift) > 1000


@pytest.mark.parametrize("damage", ["empty", "half", "other keys", "no zip", "array"])
def test_damaged_samples_are_named_and_the_others_drawn(tmp_path, damage, capsys):
    (tmp_path / "samples").mkdir()
    for name in ("step-00000005.npz", "step-00000007.npz", "step-backup.npz"):
        arrays = {f"{k}_0": v for k, v in triplet()._asdict().items()}
        np.savez(tmp_path / "samples" / name, **arrays)
    path = tmp_path / "samples" / "step-00000005.npz"
    whole = path.read_bytes()
    if damage == "other keys":
        np.savez(path, mine=np.zeros(3))
    elif damage == "array":
        with open(path, "wb") as file:
            np.save(file, np.zeros(3))
    else:
        half = whole[: len(whole) // 2]
        path.write_bytes({"empty": b"", "half": half, "no zip": b"x" * 99}[damage])
    assert plots.redraw(tmp_path) == [tmp_path / "progress.png"]
    assert "step-00000005.npz: is damaged" in " ".join(capsys.readouterr().err.split())
    figure = plots.progress_figure([path, path.with_name("step-00000007.npz")])
    assert [axis.get_title() for axis in figure.axes] == ["blurred", "step 7", "sharp"]
    assert plots.progress_figure([path]) is None


def test_figures_that_are_gone_or_older_than_the_log_are_outdated(tmp_path):
    assert not plots.outdated(tmp_path)
    log(tmp_path, range(1, 4))
    assert plots.outdated(tmp_path)
    loss, progress = tmp_path / "loss.png", tmp_path / "progress.png"
    loss.touch()
    assert not plots.outdated(tmp_path)
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "step-00000003.npz").touch()
    assert plots.outdated(tmp_path)
    progress.touch()
    assert not plots.outdated(tmp_path)
    os.utime(loss, (0, 0))
    assert plots.outdated(tmp_path)


def test_an_empty_run_draws_nothing(tmp_path):
    assert plots.redraw(tmp_path) == []
    runs.cut_log(tmp_path, 0)
    assert plots.redraw(tmp_path) == []
    assert [path.name for path in tmp_path.iterdir()] == ["log.jsonl"]


def test_a_log_that_starts_with_a_validation_is_drawn(tmp_path):
    record = {"step": 1, "psnr": 20.0, "psnr_blurred": 19.0}
    figure = plots.samples_figure([triplet()], [record], 1)
    assert "PSNR, dB" in {axis.get_ylabel() for axis in axes_of(figure)}
