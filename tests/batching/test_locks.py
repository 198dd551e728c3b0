"""One command at a time works on an OUTPUT."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

import pytest
from helpers.networks import narrow_resnet
from helpers.pictures import photo, save
from typer.testing import CliRunner

from deblurgan_tf import batch
from deblurgan_tf.batching import cluster, locks
from deblurgan_tf.batching.locks import locked
from deblurgan_tf.batching.stores import open_place
from deblurgan_tf.errors import DataError, RunError, WorkFailed

# Takes the lock of a folder, says so, and keeps it.
HOLDER = """
import sys, time
from deblurgan_tf.batching.locks import locked
from deblurgan_tf.batching.stores import open_place
with locked(open_place(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def store(monkeypatch):
    """A store that is no folder; its locks are looked at often."""
    monkeypatch.setattr(locks, "REFRESH", 0.05)
    monkeypatch.setattr(locks, "LOOK_EVERY", 0.02)
    monkeypatch.setattr(locks, "STALE", 0.4)
    store = open_place(f"memory://{random.random()}")
    yield store
    if store.is_there():
        store.files.delete_dir(store.path)


def check_until(check, deadline):
    while time.monotonic() < deadline:
        check()
        time.sleep(0.01)


# On a disk.


def test_a_folder_that_is_locked_is_refused_by_name_and_free_again(tmp_path):
    output = open_place(str(tmp_path / "out"))
    with locked(output) as check:
        check()
        with pytest.raises(RunError, match="another command works on this") as caught:
            locked(output).__enter__()
        assert f"process {os.getpid()} on " in str(caught.value)
        assert str(tmp_path / "out" / ".lock") in str(caught.value)
    with locked(output):
        pass


def test_a_lock_leaves_nothing_but_what_was_written_beside_it(tmp_path):
    output = open_place(str(tmp_path / "a" / "out"))
    with locked(output):
        pass
    assert list(tmp_path.iterdir()) == []
    with locked(output):
        output.write("a.png", b"x")
    names = {path.name for path in (tmp_path / "a" / "out").iterdir()}
    assert names == {"a.png", ".work"}
    there = open_place(str(tmp_path / "there"))
    (tmp_path / "there").mkdir()
    with locked(there):
        pass
    assert (tmp_path / "there").is_dir()  # it is not ours


def test_a_command_that_is_killed_holds_no_lock(tmp_path):
    output = open_place(str(tmp_path))
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as holder:
        try:
            assert holder.stdout.readline() == "locked\n"
            with pytest.raises(RunError, match=f"process {holder.pid} on"):
                locked(output).__enter__()
        finally:
            holder.send_signal(signal.SIGKILL)
    assert (tmp_path / ".lock").exists()
    with locked(output):
        pass
    assert not (tmp_path / ".lock").exists()


def test_a_lock_file_that_its_owner_removes_meanwhile_is_no_lock(tmp_path, monkeypatch):
    output, flock = open_place(str(tmp_path)), fcntl.flock
    opened = []

    def removed_once(file, operation):
        if not opened:
            (tmp_path / ".lock").unlink()
        opened.append(file.name)
        flock(file, operation)

    monkeypatch.setattr(fcntl, "flock", removed_once)
    with locked(output):
        assert len(opened) == 2 and (tmp_path / ".lock").exists()


def test_an_output_that_cannot_be_a_folder_is_refused(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match="file: cannot be written to"):
        locked(open_place(str(tmp_path / "file"))).__enter__()


def test_a_disk_without_such_locks_gets_an_object(tmp_path, monkeypatch, store):
    def refuse(file, operation):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    output = open_place(str(tmp_path))
    with locked(output):
        assert "key" in json.loads((tmp_path / ".lock").read_bytes())
        with pytest.raises(RunError, match="another command works on this"):
            locked(output).__enter__()
    assert list(tmp_path.iterdir()) == []


# In an object store.


def test_a_store_that_is_locked_is_refused_and_free_again(store):
    with locked(store) as check:
        with pytest.raises(RunError, match="another command works on this") as caught:
            locked(store).__enter__()
        assert f"process {os.getpid()} on " in str(caught.value)
        assert "remove memory://" in str(caught.value)
        check()
    assert not store.holds(".lock")
    with locked(store):
        pass


def test_a_lock_object_is_refreshed(store):
    with locked(store):
        first = store.read(".lock")
        end = time.monotonic() + 30
        while store.read(".lock") == first:
            assert time.monotonic() < end
            time.sleep(0.01)


def test_a_lock_object_that_nobody_refreshes_is_taken_over(store, capsys):
    left = {"host": "away", "process": 7, "begun": "2999-01-01T00:00:00+00:00"}
    store.overwrite(".lock", json.dumps(left | {"key": "other"}).encode())
    begun = time.monotonic()
    with locked(store) as check:
        assert time.monotonic() - begun >= locks.STALE
        check()
        assert json.loads(store.read(".lock"))["process"] == os.getpid()
    message = " ".join(capsys.readouterr().err.split())
    assert "is locked by process 7 on away" in message and "seconds to see" in message


def test_a_lock_object_that_is_released_is_waited_for(store):
    store.overwrite(".lock", b'{"key": "other"}')
    timer = threading.Timer(0.1, store.delete, [".lock"])
    timer.start()
    with locked(store) as check:
        check()
    timer.join()


def test_of_two_commands_that_start_together_one_goes_on(store, monkeypatch):
    """Both see no lock and write theirs: the last one counts."""
    monkeypatch.setattr(locks, "LOOK_EVERY", 0.5)
    monkeypatch.setattr(locks, "STALE", 2.0)
    ended, together, hold = [], threading.Barrier(2), threading.Barrier(2)

    def start():
        together.wait()
        try:
            with locked(store) as check:
                hold.wait(30)
                check()
                ended.append("went on")
        except RunError:
            ended.append("refused")
            hold.wait(30)

    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ended) == ["refused", "went on"]


@pytest.mark.parametrize("how", ["taken over", "removed"])
def test_a_command_that_lost_its_lock_stops_and_leaves_the_others(store, how):
    with locked(store) as check:
        if how == "removed":
            store.delete(".lock")
        else:
            store.overwrite(".lock", b'{"key": "other"}')
        deadline = time.monotonic() + 30
        with pytest.raises(WorkFailed, match="lock was removed or taken over"):
            check_until(check, deadline)
    assert store.holds(".lock") == (how == "taken over")


def test_a_store_that_does_not_answer_for_a_moment_loses_no_lock(store, monkeypatch):
    place, failures = type(store), []
    overwrite = place.overwrite

    def unsteady(self, name, data):
        if len(failures) < 3 and json.loads(data)["refreshed"] > 1:
            failures.append(name)
            raise OSError("the network is down")
        overwrite(self, name, data)

    monkeypatch.setattr(place, "overwrite", unsteady)
    with locked(store) as check:
        end = time.monotonic() + 30
        while len(failures) < 3 or json.loads(store.read(".lock"))["refreshed"] < 5:
            assert time.monotonic() < end
            time.sleep(0.01)
        check()


# The command.


def test_a_second_command_on_an_output_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "check_extra", lambda: None)
    save(tmp_path / "in" / "a.png", photo(16, 16, 0))
    narrow_resnet().save(tmp_path / "narrow.keras")
    output = tmp_path / "out"
    arguments = [str(tmp_path / "in"), str(output)]
    arguments += ["--model", str(tmp_path / "narrow.keras")]
    with locked(open_place(str(output))):
        result = CliRunner().invoke(batch.app, arguments)
        assert result.exit_code == 2
        assert "another command works on this OUTPUT" in result.output
        assert [path.name for path in output.iterdir()] == [".lock"]
