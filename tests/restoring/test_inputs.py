"""Which files the inputs of a command stand for, and where their results go."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from helpers.pictures import photo, save
from helpers.unprivileged import unprivileged

from deblurgan_tf import images
from deblurgan_tf.errors import PictureError, UsageError
from deblurgan_tf.restoring.inputs import gather
from deblurgan_tf.restoring.pipeline import Pipeline
from deblurgan_tf.restoring.requests import checked_request


def test_patterns_and_standard_input(tmp_path):
    for name in ("a.png", "b.png", "c.jpg", "d/e.png"):
        save(tmp_path / name, photo(4, 4, 0))
    out = tmp_path / "out"

    def targets(inputs, listed=()):
        jobs = gather(
            [str(tmp_path / x) if x != "-" else x for x in inputs], out, listed
        )
        return [str(job.target.relative_to(out)) for job in jobs]

    assert targets(["*.png"]) == ["a.png", "b.png"]
    assert targets(["**/*.png"]) == ["a.png", "b.png", "e.png"]
    lines = [f"{tmp_path}/c.jpg\n", "\n", f"{tmp_path}/d\n", "-\n"]
    assert targets(["-", "a.png"], lines) == ["c.jpg", "e.png", "a.png"]
    assert targets(["none*.png"]) == ["none*.png"]
    # The same file twice is one job.
    assert targets(["a.png", "a.p*"]) == ["a.png"]


def test_an_input_is_never_overwritten(tmp_path):
    source = save(tmp_path / "x.png", photo(4, 4, 0))
    for inputs in ([str(source)], [str(tmp_path)]):
        with pytest.raises(UsageError, match="would be overwritten"):
            gather(inputs, tmp_path)


def outcomes(jobs):
    """{name: error, or None where it was restored}, by a pipeline that copies."""
    with Pipeline(jobs) as pipeline:
        done = pipeline.outcomes(lambda pixels, outcome: None)
        return {each.job.source.name: each.error for each in done}


def test_odd_inputs_fail_by_name_and_the_others_are_restored(tmp_path):
    whole = save(tmp_path / "in" / "whole.png", photo(4, 4, 0))
    loop = tmp_path / "in" / "loop.png"
    loop.symlink_to(loop)
    (tmp_path / "in" / "folder.png").mkdir()
    long = tmp_path / ("n" * 300 + ".png")
    os.mkfifo(tmp_path / "in" / "pipe.png")
    listed = [f"{long}\n", f"{loop}/x.png\n"]
    out = tmp_path / "out"
    found = outcomes(gather([str(tmp_path / "in"), "-"], out, listed))
    assert found.keys() == {"whole.png", "loop.png", "x.png", long.name, "pipe.png"}
    assert found.pop("whole.png") is None
    assert (out / "whole.png").read_bytes() == whole.read_bytes()
    for name, error in found.items():
        assert error is not None
        assert name in error
        assert "\n" not in error
    assert "too long" in found[long.name]


def test_closed_folders_fail_by_name_and_the_others_are_restored():
    with unprivileged() as root:
        for name in ("a.png", "open/b.png", "closed/c.png"):
            save(root / "in" / name, photo(4, 4, 0))
        closed = root / "in" / "closed"
        closed.chmod(0)
        jobs = gather([str(root / "in")], root / "out")
        assert [job.source.name for job in jobs] == ["a.png", "b.png", "closed"]
        found = outcomes(jobs)
        assert found["closed"] is not None
        assert f"{closed}: cannot be opened (Permission denied)" in found["closed"]
        assert found["a.png"] is None
        assert found["b.png"] is None
        # A pattern, a file inside, and the folder itself.
        for given in (str(root / "in" / "**" / "*.png"), str(closed / "c.png")):
            errors = outcomes(gather([given], root / "out")).values()
            assert [x for x in errors if x and "Permission denied" in x], given
        assert list(outcomes(gather([str(closed)], root / "out"))) == ["closed"]


def test_no_closed_folder_is_passed_over_in_silence():
    # By what takes a folder as a whole: training, evaluation, packing.
    with unprivileged() as root:
        save(root / "closed" / "c.png", photo(4, 4, 0))
        (root / "closed").chmod(0)
        with pytest.raises(PictureError, match=r"closed: cannot be listed \(Perm"):
            images.find(root)
        closed: list[Path] = []
        assert images.listed(root, closed=closed) == ([], [])
        assert closed == [root / "closed"]


def test_a_link_to_itself_fails_alone_in_every_version_of_python(tmp_path, monkeypatch):
    before = Path.resolve

    def resolve(path):
        if path.is_relative_to(tmp_path):
            raise RuntimeError("Symlink loop")  # Python before 3.13
        return before(path)

    monkeypatch.setattr(Path, "resolve", resolve)
    loop = tmp_path / "a.png"
    loop.symlink_to(loop)
    whole = save(tmp_path / "b.png", photo(4, 4, 0))
    jobs = gather([str(loop), str(whole)], tmp_path / "out")
    assert [job.source for job in jobs] == [loop, whole]
    checked_request(
        [str(loop), str(whole)],
        tmp_path / "out",
        model="auto",
        options={},
        plates=False,
        boxes=["1,1,2,2"],
        read=False,
        overwrite=False,
        report=tmp_path / "loop.json",
    )
    with pytest.raises(PictureError, match=r"a\.png: cannot be opened"):
        images.size(loop)


def test_a_bug_is_not_taken_for_wrong_usage(tmp_path, monkeypatch):
    def is_dir(path):
        raise RuntimeError("a bug")

    monkeypatch.setattr(Path, "is_dir", is_dir)
    with pytest.raises(RuntimeError, match="a bug"):
        gather([str(tmp_path / "a.png")], tmp_path / "out")
