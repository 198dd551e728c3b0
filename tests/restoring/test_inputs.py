"""Which files the inputs of a command stand for, and where their results go."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.pictures import photo, save

from deblurgan_tf import images
from deblurgan_tf.errors import PictureError, UsageError
from deblurgan_tf.restoring.inputs import gather
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


def test_a_name_that_is_too_long_is_wrong_usage(tmp_path):
    name = "n" * 300 + ".png"
    with pytest.raises(UsageError, match=rf"too long: .*{name}.*; leave it out"):
        gather([str(tmp_path / name)], tmp_path / "out")


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
