"""What the demo's page does, without Gradio and without a browser."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import socket
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers.networks import narrow_resnet
from helpers.pictures import photo, save
from PIL import Image
from typer.testing import CliRunner

from deblurgan_tf import demo, images
from deblurgan_tf.blur import kernels
from deblurgan_tf.errors import UsageError
from deblurgan_tf.plates.boxes import Box, FoundPlate
from deblurgan_tf.storage import model_names
from deblurgan_tf.storage.installation import install_command
from deblurgan_tf.web import models as web_models
from deblurgan_tf.web import own_blur, pictures, plate_places, server, visits
from deblurgan_tf.web.handlers import NEARLY, NO_OCR, NO_PICTURE, NO_PLATE, Handlers
from deblurgan_tf.web.inside import InsideOnly
from deblurgan_tf.web.models import EXPLAINED, OWN, Models
from deblurgan_tf.web.own_blur import Settings
from deblurgan_tf.web.samples import Sample, samples
from deblurgan_tf.web.uploads import OwnUploads
from deblurgan_tf.web.visits import VisitOver, Visits


def ignored(share, what):
    """Progress that nobody looks at."""


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "narrow.keras"
    narrow_resnet().save(path)
    return Models(str(path))


@pytest.fixture
def page(models, tmp_path):
    return Handlers(models, Visits(tmp_path / "uploads"))


def upload(page, name, data):
    """What Gradio leaves behind when a visitor drops a file."""
    folder = page.visits.root / str(abs(hash(data)))
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(data)
    return folder / name


def png(pixels):
    return images.encode(images.Picture(pixels))


def files(page):
    return [path for path in page.visits.root.rglob("*") if path.is_file()]


# The command.


def said(*arguments):
    result = CliRunner().invoke(demo.app, [*arguments])
    assert "Traceback" not in result.output
    return result.exit_code, " ".join(result.output.split())


def test_help_needs_neither_gradio_nor_tensorflow():
    code = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from deblurgan_tf.demo import app\n"
        "result = CliRunner().invoke(app, ['--help'])\n"
        "assert result.exit_code == 0 and '--port' in result.output\n"
        "heavy = {'gradio', 'tensorflow', 'keras'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_taken_port_is_reported_before_anything_is_loaded():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        code, output = said("--port", str(port), "--model", "nowhere")
    assert code == 2
    assert f"--port {port}" in output and "choose another --port" in output


def test_a_host_that_is_not_ours_is_reported():
    code, output = said("--host", "192.0.2.1", "--port", "7999")
    assert code == 2 and "192.0.2.1" in output


def test_a_missing_extra_is_reported_with_the_command(monkeypatch):
    monkeypatch.setattr(server.importlib.util, "find_spec", lambda name: None)
    code, output = said("--port", str(free_port()))
    assert code == 2 and install_command("demo") in output


def test_a_model_that_is_not_there_is_reported(monkeypatch):
    monkeypatch.setattr(server.importlib.util, "find_spec", lambda name: object())
    code, output = said("--model", "nowhere", "--port", str(free_port()))
    assert code == 2 and "nowhere" in output and "--model" in output


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# Visits: nothing is kept.


def test_a_visit_keeps_one_picture_and_leaves_nothing(page):
    for number in range(2):
        name = f"{number}.png"
        page.take("one", upload(page, name, png(photo(20, 30, number))))
        page.restore("one", "narrow.keras", ignored)
        page.kernel("one", Settings())
        kept = [path.name for path in files(page)]
        assert kept.count(name) == 1 and f"{number}-restored.png" in kept
    assert not any(name.startswith("0") for name in kept)
    page.visits.close("one")
    assert files(page) == [] and len(page.visits) == 0


def test_a_result_that_comes_after_its_visitor_has_left_is_dropped(page):
    visit = page.visits.open("one")
    page.visits.close("one")
    with pytest.raises(VisitOver):
        visit.save("late", {"late.png": b"late"})
    assert files(page) == []


def test_work_ends_when_its_visitor_leaves(page):
    page.take("one", upload(page, "a.png", png(photo(20, 30, 0))))

    def leave(share, what):
        page.visits.close("one")

    answer = page.restore("one", "narrow.keras", leave)
    assert answer.failed and answer.pair is None
    assert files(page) == []


@pytest.mark.parametrize("what", ["restore", "tap", "own_blur"])
def test_a_picture_that_was_removed_with_its_visit_is_reported(page, what):
    page.take("one", upload(page, "a.png", png(photo(20, 30, 0))))
    os.remove(page.visits.open("one").picture)
    answer = {
        "restore": lambda: page.restore("one", "narrow.keras", ignored),
        "tap": lambda: page.tap("one", (1, 1), ""),
        "own_blur": lambda: page.own_blur("one", "narrow.keras", Settings(), ignored),
    }[what]()
    assert answer.failed and answer.message == str(VisitOver())


def test_another_missing_file_is_a_fault_and_not_the_visitors(
    page, models, tmp_path, monkeypatch
):
    missing = tmp_path / "sample.png"
    with pytest.raises(FileNotFoundError, match=r"sample\.png"):
        page.take_sample("one", Sample(missing, "sample"))
    page.take("one", upload(page, "a.png", png(photo(20, 30, 0))))

    def restorer(name):
        raise FileNotFoundError("assets/models/photos.keras is missing")

    monkeypatch.setattr(models, "restorer", restorer)
    with pytest.raises(FileNotFoundError, match="is missing"):
        page.restore("one", "narrow.keras", ignored)
    decode = images.decode
    monkeypatch.setattr(images, "decode", lambda *_: (tmp_path / "icc").read_bytes())
    with pytest.raises(FileNotFoundError, match="icc"):
        page.tap("one", (1, 1), "")
    monkeypatch.setattr(images, "decode", decode)


def test_the_log_leaves_out_missing_files_of_visits_alone(page, tmp_path):
    def shown(error):
        record = logging.LogRecord(
            "uvicorn.error", logging.ERROR, "", 0, "", (), (type(error), error, None)
        )
        return server.LeftVisits(page.visits).filter(record)

    def missing(path):
        with pytest.raises(FileNotFoundError) as caught:
            path.read_bytes()
        return caught.value

    visit = page.visits.open("one")
    assert not shown(missing(visit.folder / "shown-1" / "picture.jpg"))
    assert not shown(missing(page.visits.root / "upload" / "a.png"))
    assert shown(missing(tmp_path / "package" / "index.html"))
    assert shown(FileNotFoundError("assets/samples is missing"))
    assert shown(ValueError("wrong"))
    plain = logging.LogRecord("uvicorn.error", logging.INFO, "", 0, "", (), None)
    assert server.LeftVisits(page.visits).filter(plain)


def test_idle_visits_and_stray_uploads_are_swept(page):
    now = time.monotonic()
    page.take("one", upload(page, "a.png", png(photo(20, 30, 0))))
    stray = upload(page, "b.png", png(photo(20, 30, 1)))
    page.visits.sweep(now + 60)
    assert stray.exists() and len(page.visits) == 1
    page.visits.sweep(now + visits.STRAY + 60)
    assert not stray.exists() and len(page.visits) == 1
    page.visits.sweep(now + visits.IDLE + 60)
    assert files(page) == [] and len(page.visits) == 0
    # The page may still be open: the next picture starts anew.
    assert page.restore("one", "narrow.keras", ignored).message == ""
    assert page.plates("one", "narrow.keras", "1,1,9,9", ignored).message == NO_PICTURE
    again = upload(page, "a.png", png(photo(20, 30, 0)))
    assert not page.take("one", again).failed


def test_only_uploads_are_taken(page, tmp_path):
    secret = save(tmp_path / "secret.png", photo(20, 30, 0))
    answer = page.take("one", page.visits.root / ".." / "secret.png")
    assert answer.failed and "was not uploaded" in answer.message
    assert secret.exists()
    page.take("other", upload(page, "a.png", png(photo(20, 30, 0))))
    theirs = page.visits.open("other").picture
    assert page.take("one", theirs).failed
    assert theirs.exists()


def test_two_visitors_with_the_same_file_do_not_disturb_each_other(page):
    data = png(photo(20, 30, 0))
    first, second = upload(page, "a.png", data), upload(page, "b.png", data)
    assert first.parent == second.parent
    assert not page.take("one", first).failed
    assert not page.take("two", second).failed
    page.visits.close("one")
    assert page.restore("two", "narrow.keras", ignored).pair is not None


class ContentNamed:
    """Takes uploads as Gradio does: the path of a file is made from its contents."""

    def __init__(self, root):
        self.root = root

    async def __call__(self, scope, receive, send):
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message.get("more_body", False)
        path = self.root / str(abs(hash(body))) / "a.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(body)
        await asyncio.sleep(0)  # others may go on before the answer is sent
        answer = json.dumps([str(path)]).encode()
        length = [(b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": length})
        await send({"type": "http.response.body", "body": answer})


async def uploaded(application, data):
    """Sends a file in two parts; returns the path in the answer, which is checked."""
    parts = [
        {"type": "http.request", "body": data[:9], "more_body": True},
        {"type": "http.request", "body": data[9:]},
    ]
    sent = []

    async def receive():
        await asyncio.sleep(0)
        return parts.pop(0)

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/gradio_api/upload"}
    await application(scope, receive, send)
    start, answer = sent
    assert dict(start["headers"])[b"content-length"] == b"%d" % len(answer["body"])
    (path,) = json.loads(answer["body"])
    return Path(path)


def test_twelve_visitors_who_drop_one_file_all_have_it(page):
    data = png(photo(20, 30, 0))

    async def everyone():
        application = OwnUploads(ContentNamed(page.visits.root))

        async def visitor(key):
            return page.take(key, await uploaded(application, data))

        return await asyncio.gather(*(visitor(str(key)) for key in range(12)))

    answers = asyncio.run(everyone())
    assert [answer.message for answer in answers if answer.failed] == []
    for key in range(12):
        assert page.visits.open(str(key)).picture.read_bytes() == data
        page.visits.close(str(key))
    assert files(page) == []  # nor is a copy kept for others


def test_an_upload_that_stops_half_way_holds_up_nobody(page):
    application = OwnUploads(ContentNamed(page.visits.root))
    scope = {"type": "http", "method": "POST", "path": "/gradio_api/upload"}

    async def never():
        await asyncio.Event().wait()

    async def gone():
        return {"type": "http.disconnect"}

    async def both():
        waiting = asyncio.create_task(application(scope, never, None))
        with pytest.raises(KeyError):  # the application's own error passes
            await application(scope, gone, None)
        path = await uploaded(application, b"whole file")
        waiting.cancel()
        return path

    assert asyncio.run(both()).read_bytes() == b"whole file"


# What is dropped.


def header_only(width, height):
    """A PNG that says it is large, and holds next to nothing."""

    def chunk(kind, data):
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size)
    return start + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


def animation():
    frames = [Image.fromarray(photo(8, 8, n)) for n in range(3)]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("notes.jpg", b"no picture at all", "not a picture of a known format"),
        ("empty.png", b"", "empty"),
        ("half.png", png(photo(40, 40, 0))[:900], "damaged or cut short"),
        ("huge.png", header_only(12000, 12000), "144 megapixels"),
        ("moving.gif", animation(), "an animation"),
    ],
)
def test_bad_input_gets_its_answer_and_is_forgotten(page, name, data, words):
    page.take("one", upload(page, "good.png", png(photo(20, 30, 0))))
    answer = page.take("one", upload(page, name, data))
    assert answer.failed and words in answer.message
    assert answer.message.startswith(name)  # and not by a path of the server
    assert answer.picture is None
    assert page.restore("one", "narrow.keras", ignored).pair is None
    assert page.own_blur("one", "narrow.keras", Settings(), ignored).failed
    assert name not in [path.name for path in files(page)]


def test_a_file_of_too_many_bytes_is_refused(page, monkeypatch):
    monkeypatch.setattr(pictures, "MAX_BYTES", 2**20)
    noise = np.random.default_rng(0).integers(0, 256, (800, 800, 3), np.uint8)
    answer = page.take("one", upload(page, "noise.png", png(noise)))
    assert answer.failed and "noise.png: has 2 MB" in answer.message


@pytest.mark.parametrize("shape", [(1, 1), (40, 1), (20, 30)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_what_is_handed_out_is_what_the_model_makes(page, shape, dtype):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, np.iinfo(dtype).max + 1, (*shape, 3), dtype)
    top = np.iinfo(dtype).max
    alpha = rng.integers(top // 85, top + 1, shape, dtype)  # nothing is hidden
    data = images.encode(images.Picture(pixels, alpha=alpha))
    taken = page.take("one", upload(page, "a b.png", data))
    assert f"{shape[1]}x{shape[0]} pixels" in taken.message
    assert ("16 bits" in taken.message) == (dtype == np.uint16)
    answer = page.restore("one", "narrow.keras", ignored)
    assert not answer.failed and answer.handed_out.name == "a b-restored.png"
    result = images.read(answer.handed_out)
    wanted = page.models.restorer("narrow.keras").restore(pixels)
    np.testing.assert_array_equal(result.pixels, wanted)
    np.testing.assert_array_equal(result.alpha, alpha)


def test_pictures_are_shown_upright_and_downsampled(page):
    pixels = np.zeros((1000, 2000, 3), np.uint8)
    pixels[:, 1000:] = 255
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was rotated: right becomes bottom
    Image.fromarray(pixels).save(out, "JPEG", exif=exif)
    answer = page.take("one", upload(page, "a.jpg", out.getvalue()))
    assert "1000x2000 pixels" in answer.message
    shown = images.read_rgb(answer.picture)
    assert shown.shape == (1600, 800, 3)
    assert shown[100, 400].max() < 10 and shown[1500, 400].min() > 245


def test_small_pictures_are_shown_in_whole_steps():
    pixels = photo(64, 128, 0)
    shown = images.decode_rgb(pictures.shown(pixels), "shown")
    assert shown.shape == (192, 384, 3)
    assert np.abs(shown[1::3, 1::3].astype(int) - pixels).mean() < 6  # JPEG


def test_the_samples_are_there_small_and_good(page):
    found = samples()
    assert sum(sample.path.stat().st_size for sample in found) < 400_000
    credits = (found[0].path.parent / "README.md").read_text()
    for sample in found:
        assert sample.path.name in credits
        assert not page.take_sample("one", sample).failed


# Nothing is fetched from elsewhere.


@pytest.mark.parametrize(
    ("path", "refused"),
    [
        ("/gradio_api/file=http://example.org/a.png", True),
        ("/gradio_api/file=HTTPS://example.org/a.png", True),
        ("/gradio_api/proxy=https://example.org/", True),
        ("/gradio_api/process_recording", True),
        ("/gradio_api/file=/tmp/visits/http.png", False),
        ("/", False),
    ],
)
def test_the_server_fetches_nothing_for_a_visitor(path, refused):
    passed, sent = [], []

    async def app(scope, receive, send):
        passed.append(scope["path"])

    async def send(message):
        sent.append(message)

    asyncio.run(InsideOnly(app)({"type": "http", "path": path}, None, send))
    assert passed == ([] if refused else [path])
    assert [m["status"] for m in sent if "status" in m] == ([404] if refused else [])


# Models.


def test_visitors_see_names_and_no_paths(models):
    shipped = ["photos", "plates", "plates_quick"]
    assert models.names == ["narrow.keras", "auto", *shipped]
    with pytest.raises(UsageError, match="plates_quick"):
        models.restorer("/etc/passwd")
    assert models.restorer("plates_quick") is models.restorer("plates_quick")


def test_names_are_explained(models, monkeypatch):
    labels = {name: label for label, name in models.choices}
    assert list(labels) == models.names
    assert labels["plates"] == "plates: close-ups of number plates"
    assert labels["narrow.keras"] == f"narrow.keras: {OWN}"
    assert set(model_names.shipped()) < set(EXPLAINED)  # none without its words
    loaded = []
    monkeypatch.setattr(web_models, "load", loaded.append)
    page_of_auto = Models("auto")
    assert loaded == ["photos"] and page_of_auto.names[0] == "auto"
    assert page_of_auto.choices[0] == ("auto: chosen by the picture", "auto")


def test_an_unknown_model_is_an_answer(page):
    page.take("one", upload(page, "a.png", png(photo(20, 30, 0))))
    answer = page.restore("one", "../secret", ignored)
    assert answer.failed and answer.pair is None


# Plates.


def test_two_taps_make_a_place():
    text, corner = plate_places.tapped("1,2,3,4", None, (30, 40))
    assert (text, corner) == ("1,2,3,4", (30, 40))
    for opposite in ((10, 60), (10, 20)):
        text, corner = plate_places.tapped("1,2,3,4\n", (30, 40), opposite)
        assert corner is None
        assert plate_places.boxes_in(text) == [
            Box(1, 2, 3, 4),
            Box(10, min(40, opposite[1]), 20, 20),
        ]
    assert plate_places.tapped("", (30, 40), (30, 90)) == ("", (30, 90))


def test_taps_are_places_of_the_picture_not_of_what_is_shown(page):
    page.take("one", upload(page, "a.png", png(photo(100, 3200, 0))))
    assert page.tap("one", (100, 10), "").message == "Tap the opposite corner."
    answer = page.tap("one", (1600, 50), "")  # the picture's corner
    assert answer.text == "200,20,3000,80"
    page.take("one", upload(page, "b.png", png(photo(64, 128, 0))))
    page.tap("one", (30, 30), "")
    assert page.tap("one", (90, 60), "").text == "10,10,20,10"


def test_places_are_drawn_around_their_pixels():
    pixels = np.zeros((100, 200, 3), np.uint8)
    plate_places.marks([Box(50, 40, 60, 20)])(pixels, 1.0)
    assert not pixels[40:60, 50:110].any()
    assert (pixels[39, 50:110] == plate_places.COLOUR).all()
    assert (pixels[40:60, 110] == plate_places.COLOUR).all()


@pytest.fixture
def no_ocr(monkeypatch):
    monkeypatch.setattr(plate_places, "has_ocr", lambda: False)


def test_plates_at_written_places_without_the_ocr(page, no_ocr):
    pixels = photo(80, 160, 0)
    page.take("one", upload(page, "car.png", png(pixels)))
    answer = page.plates(
        "one", "narrow.keras", "20,10,60,30\n\n 100,40,40,20 ", ignored
    )
    assert not answer.failed
    assert answer.message == f"2 plates restored by narrow.keras. {NO_OCR}"
    names = [name for _, name in answer.crops]
    assert names == ["1 blurred", "1 restored", "2 blurred", "2 restored"]
    result = images.read_rgb(answer.handed_out)
    outside = np.ones(pixels.shape[:2], bool)
    outside[10:40, 20:80] = outside[40:60, 100:140] = False
    np.testing.assert_array_equal(result[outside], pixels[outside])
    assert (result != pixels).any()


def test_the_model_follows_the_sample(page, models, no_ocr, monkeypatch):
    narrow, asked = models.restorer("narrow.keras"), []
    monkeypatch.setattr(models, "restorer", lambda name: asked.append(name) or narrow)
    plate, street = (
        next(sample for sample in samples() if sample.caption == caption)
        for caption in ("plate", "street")
    )

    def used(chosen):
        del asked[:]
        whole = page.restore("one", chosen, ignored).message
        box = page.plates("one", chosen, "20,10,60,30", ignored).message
        own = page.own_blur("one", chosen, Settings(length=3), ignored).message
        (name,) = set(asked)
        assert len(asked) == 3 and f"1 plate restored by {name}." in box
        assert whole.endswith(f"Restored by {name}.")
        assert own.endswith(f"Restored by {name}.")
        return name

    page.take_sample("one", plate)
    assert used("auto") == "plates"
    assert used("plates_quick") == "plates_quick"  # the visitor's word counts
    page.take_sample("one", street)
    assert used("auto") == "photos"
    page.take_sample("one", plate)
    page.take("one", upload(page, "car.png", png(photo(80, 160, 0))))
    assert used("auto") == "photos"


def test_a_picture_that_stays_as_it_was_is_told(page, models, monkeypatch):
    class Brighter:
        change = 0

        def restore(self, pixels, on_part=None):
            return pixels + np.uint8(self.change)

    brighter = Brighter()
    monkeypatch.setattr(models, "restorer", lambda name: brighter)
    page.take("one", upload(page, "a.png", png(photo(40, 60, 0) // 2)))
    for change, told in ((1, True), (20, False)):
        brighter.change = change
        message = page.restore("one", "photos", ignored).message
        assert "Restored by photos." in message
        assert (NEARLY in message) == told


def test_places_are_given_for_the_command_line(page, no_ocr):
    page.take("one", upload(page, "car.png", png(photo(80, 160, 0))))
    scale = pictures.shown_scale(80, 160)
    answer = page.tap("one", (20 * scale, 10 * scale), "")
    assert answer.options == ""
    answer = page.tap("one", (80 * scale, 40 * scale), answer.text)
    assert answer.options == "--box 20,10,60,30"
    answer = page.mark("one", "20,10,60,30\n1,2,30,40")
    assert answer.options == "--box 20,10,60,30 --box 1,2,30,40"
    assert page.mark("one", "20,10,60,30\n1,2").options == ""  # being written
    answer = page.plates("one", "narrow.keras", "20,10,60,30", ignored)
    assert answer.options == "--box 20,10,60,30" and not answer.failed


def test_plates_are_not_restored_for_a_visitor_who_has_left(page, no_ocr):
    page.take("one", upload(page, "car.png", png(photo(80, 160, 0))))

    def leave(share, what):
        page.visits.close("one")

    answer = page.plates("one", "narrow.keras", "20,10,60,30", leave)
    assert answer.failed and answer.crops == []
    assert files(page) == []


def test_plates_cannot_be_found_without_the_ocr(page, no_ocr):
    page.take("one", upload(page, "car.png", png(photo(80, 160, 0))))
    answer = page.plates("one", "narrow.keras", "", ignored)
    assert answer.failed and "the extra ocr" in answer.message


def test_plates_that_are_found_and_read(page, monkeypatch):
    from deblurgan_tf.plates import detection as plates
    from deblurgan_tf.restoring import plates as plate_restoration

    found = [FoundPlate(Box(20, 10, 60, 30), 0.9)]
    texts = [("AB12", 0.5), ("", 0.0), ("7", 0.71), ("ABC", 0.9)]
    readings = iter([plates.Reading(*text) for text in texts])
    monkeypatch.setattr(plate_places, "has_ocr", lambda: True)
    monkeypatch.setattr(plate_restoration, "find_plates", lambda pixels: found)
    monkeypatch.setattr(plate_restoration, "read_plate", lambda crop: next(readings))
    page.take("one", upload(page, "car.png", png(photo(80, 160, 0))))
    answer = page.plates("one", "narrow.keras", "", ignored)
    assert not answer.failed
    names = [name for _, name in answer.crops]
    assert names == ["1 blurred: AB12 (50% sure)", "1 restored: nothing read"]
    answer = page.plates("one", "narrow.keras", "", ignored)
    names = [name for _, name in answer.crops]
    assert names == ["1 blurred: 7", "1 restored: ABC (90% sure)"]
    found.clear()
    answer = page.plates("one", "narrow.keras", "", ignored)
    assert answer.message == NO_PLATE and answer.crops == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1,2,3", "a box is x,y,w,h"),
        ("150,70,60,30", "not inside the picture"),
        ("1,2,3,4\n" * 21, "at most 20 places at a time; there are 21"),
    ],
)
def test_wrong_places_are_reported_and_kept(page, no_ocr, text, words):
    page.take("one", upload(page, "car.png", png(photo(80, 160, 0))))
    answer = page.plates("one", "narrow.keras", text, ignored)
    assert answer.failed and words in answer.message
    assert answer.text == text and answer.picture is not None


def test_boxes_that_are_being_written_are_not_drawn():
    assert plate_places.boxes_that_parse("1,2,3,4\n1,2") == []
    with pytest.raises(UsageError):
        plate_places.boxes_in("1,2,3,4\n1,2")


# A blur of one's own.


@pytest.mark.parametrize("length", [1.0, 12.0, 13.0, own_blur.LONGEST])
@pytest.mark.parametrize("shake", [0.0, 0.01])
def test_a_kernel_is_one(length, shake):
    kernel = own_blur.make_kernel(Settings(length=length, shake=shake, seed=3))
    side = len(kernel)
    assert kernel.shape == (side, side) and side % 2 == 1
    assert kernel.min() >= 0 and kernel.sum() == pytest.approx(1, abs=1e-5)
    rows, columns = np.mgrid[:side, :side]
    for axis in (rows, columns):
        assert (axis * kernel).sum() == pytest.approx(side // 2, abs=1e-3)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("angle", [0, 30, 90, 135])
def test_a_straight_line_lies_along_its_angle(angle, seed):
    kernel = own_blur.make_kernel(Settings(20, 1.0, 0.0, angle, seed))
    middle = len(kernel) // 2
    rows, columns = np.mgrid[: len(kernel), : len(kernel)]
    x, y = columns - middle, middle - rows  # y upwards
    cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    along = (kernel * (cosine * x + sine * y) ** 2).sum()
    across = (kernel * (cosine * y - sine * x) ** 2).sum()
    # Sharing a point between its four pixels adds a variance of at most 1/4.
    assert along == pytest.approx(20**2 / 12, abs=0.3)
    assert across < 0.3


def test_the_angle_rotates_a_shaken_path_counter_clockwise():
    straight, rotated = (
        own_blur.make_kernel(Settings(30, 1.0, 0.005, angle, 5)) for angle in (0, 90)
    )
    np.testing.assert_allclose(rotated, np.rot90(straight), atol=2e-4)


def test_exposure_shortens_the_path():
    long, short = (
        own_blur.make_kernel(Settings(30, exposure, 0.0)) for exposure in (1.0, 0.5)
    )
    assert np.count_nonzero(short.sum(axis=0)) == pytest.approx(
        np.count_nonzero(long.sum(axis=0)) / 2, abs=2
    )


def test_the_seed_chooses_the_path():
    one, same, other = (
        own_blur.make_kernel(Settings(30, seed=seed)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 0.01


def test_blurring_is_a_convolution_with_noise():
    sharp = photo(60, 80, 0)
    settings = Settings(length=12, shake=0.005, noise=0.0, seed=4)
    kernel = own_blur.make_kernel(settings)
    blurred = own_blur.blurred(sharp, kernel, settings)
    wanted = cv2.filter2D(
        sharp.astype(np.float32),
        -1,
        kernel[::-1, ::-1],
        borderType=cv2.BORDER_REFLECT_101,
    )
    assert np.abs(blurred - wanted).max() <= 0.51  # rounding
    noisy = own_blur.blurred(sharp, kernel, settings._replace(noise=5.0))
    inside = (wanted > 30) & (wanted < 225)
    assert np.std((noisy - wanted)[inside]) == pytest.approx(5.0, rel=0.05)


def test_the_kernels_picture_shows_its_weights():
    kernel = own_blur.make_kernel(Settings(20, 1.0, 0.0, 0))
    picture = images.decode_rgb(own_blur.kernel_picture(kernel), "kernel")
    step = len(picture) // len(kernel)
    assert len(picture) >= own_blur.KERNEL_SHOWN - len(kernel)
    np.testing.assert_allclose(
        picture[::step, ::step, 0] / 255, kernel / kernel.max(), atol=0.5 / 255 + 1e-6
    )


def test_an_own_blur_is_restored_and_scored(page):
    sharp = photo(60, 80, 0)
    page.take("one", upload(page, "sharp.png", png(sharp)))
    settings = Settings(length=12)
    answer = page.own_blur("one", "narrow.keras", settings, ignored)
    assert not answer.failed
    blurred = own_blur.blurred(sharp, own_blur.make_kernel(settings), settings)
    restored = page.models.restorer("narrow.keras").restore(blurred)
    np.testing.assert_array_equal(images.read_rgb(answer.handed_out), restored)
    mean = np.mean((blurred.astype(float) - sharp) ** 2)
    assert f"blurred PSNR {10 * np.log10(255**2 / mean):.2f} dB" in answer.message
    assert answer.message.count("SSIM") == 2


def test_a_large_picture_is_downsampled_for_an_own_blur(page, monkeypatch):
    monkeypatch.setattr(own_blur, "MAX_PIXELS", 5_000)
    page.take("one", upload(page, "sharp.png", png(photo(100, 200, 0))))
    answer = page.own_blur("one", "narrow.keras", Settings(length=5), ignored)
    assert "downsampled to 100x50 pixels" in answer.message
    assert images.read_rgb(answer.handed_out).shape == (50, 100, 3)


def test_a_picture_smaller_than_the_blur_is_reported(page):
    page.take("one", upload(page, "dot.png", png(photo(1, 1, 0))))
    answer = page.own_blur("one", "narrow.keras", Settings(length=12), ignored)
    assert answer.failed and "more than 7 pixels a side" in answer.message


def test_equal_pictures_and_tiny_ones_have_scores():
    tiny = photo(5, 5, 0)
    message = own_blur.scores(tiny, tiny, tiny)
    assert message == "Against the sharp picture: blurred equal; restored equal."


def test_the_longest_slider_fits_its_canvas():
    canvas = len(own_blur.make_kernel(Settings(length=own_blur.LONGEST)))
    kernels.check_fits(own_blur.LONGEST, canvas)


def test_progress_is_reported(page):
    page.take("one", upload(page, "a.png", png(photo(20, 30, 0))))
    message = []
    page.restore(
        "one", "narrow.keras", lambda share, what: message.append((share, what))
    )
    assert message[0] == (0.0, "restoring") and message[-1] == (1.0, "restoring")


def test_the_page_names_no_path_of_the_server(page):
    """Messages are read by strangers."""
    path = upload(page, "gone.png", png(photo(20, 30, 0)))
    os.remove(path)
    answer = page.take("one", path)
    assert answer.failed and str(page.visits.root) not in answer.message


def test_a_preview_has_the_colours_of_the_picture_and_notices_are_told():
    pixels = photo(12, 16, 0)
    linear = ((b"gAMA", struct.pack(">I", 100_000)),)
    picture = images.Picture(pixels, png_colour=linear, notices=("left out: x",))
    shown = images.decode(pictures.shown(pixels, picture), "shown.jpg")
    assert shown.icc == images.profile_of(picture) is not None
    assert pictures.described(picture, "a.png") == ("a.png: 16x12 pixels; left out: x")
    film = images.Picture(pixels, png_colour=((b"cICP", bytes((9, 16, 0, 1))),))
    assert images.decode(pictures.shown(pixels, film), "shown.jpg").icc is None
