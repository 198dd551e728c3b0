"""The demo's page in a real headless Chromium: `make browser`.

The server is the command itself, in a process of its own that writes down every address
that its Python connects to; the browser's requests are recorded too.
"""

from __future__ import annotations

import io
import json
import mimetypes
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from helpers.pictures import photo
from PIL import Image

from deblurgan_tf import images
from deblurgan_tf.inference.restorer import load
from deblurgan_tf.storage.resources import resource

pytest.importorskip("gradio", reason="needs the extra demo: make browser")
playwright = pytest.importorskip("playwright.sync_api", reason="needs: make browser")
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None, reason="no chromium on the PATH: make browser"
    ),
]
SAMPLES = resource("assets", "samples")
CAR = SAMPLES / "car-blurred.jpg"
CAR_PLATE = "228,220,136,80"
PATIENCE = 40_000  # milliseconds: other work may keep the machine busy

# An audit hook sees every connection, whatever library makes it.
LISTENING = """
import os, sys
def note(event, arguments):
    if event == "socket.connect":
        os.write(LOG, f"{arguments[1]!r}\\n".encode())
    elif event == "socket.getaddrinfo":
        os.write(LOG, f"{arguments[0]!r}\\n".encode())
LOG = os.open(sys.argv.pop(1), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
sys.addaudithook(note)
from deblurgan_tf.demo import app
app()
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """The command in a process; `folder` is where its temporary files go."""

    def __init__(self, folder: Path):
        self.folder, self.port = folder, free_port()
        self.connections = folder / "connections.txt"
        self.output = folder / "output.txt"
        self.address = f"http://127.0.0.1:{self.port}/"
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-c", LISTENING, self.connections),
                    *("--port", str(self.port)),
                ],
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "TMPDIR": str(folder)},
            )
        self.wait_until(lambda: "open http" in self.output.read_text(), 120)

    def wait_until(self, so, seconds):
        end = time.monotonic() + seconds
        while not so():
            message = f"{self.output.read_text()}\n{self.visitors_files()}"
            assert time.monotonic() < end, message
            assert self.process.poll() is None, self.output.read_text()
            time.sleep(0.1)

    def visitors_files(self):
        """All that lies there but what TensorFlow writes for itself."""
        return [
            path
            for path in self.folder.glob("deblurgan-demo-*/**/*")
            if path.is_file() and not path.name.startswith("__autograph")
        ]

    def stop(self, number):
        self.process.send_signal(number)
        return self.process.wait(60)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("server"))
    yield server
    if server.process.poll() is None:
        server.stop(signal.SIGTERM)


@pytest.fixture(scope="module")
def chromium():
    with playwright.sync_playwright() as starter:
        browser = starter.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"]
        )
        yield browser
        browser.close()


@pytest.fixture
def visitor(server, chromium):
    """Opens pages, each in a browser of its own, so to speak."""
    opened = []

    def visit(**how):
        context = chromium.new_context(
            **{"viewport": {"width": 1280, "height": 900}} | how
        )
        opened.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.requests = []
        page.on("request", lambda request: page.requests.append(request.url))
        page.goto(server.address)
        page.wait_for_selector("#samples img")
        return page

    yield visit
    for context in opened:
        context.close()


def drop(page, name, data):
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    page.set_input_files(
        "#drop input[type=file]", {"name": name, "mimeType": kind, "buffer": data}
    )


def says(page, words, place="#message"):
    playwright.expect(page.locator(place)).to_contain_text(words, timeout=PATIENCE)


def handed_out(page, button="Download the result"):
    with page.expect_download() as waiting:
        page.get_by_role("button", name=button).locator("visible=true").click()
    path = waiting.value.path()
    return waiting.value.suggested_filename, images.decode(path.read_bytes(), "it")


def png(pixels):
    return images.encode(images.Picture(pixels))


def test_a_photo_is_restored_compared_and_downloaded(visitor):
    page = visitor()
    drop(page, "seeds.jpg", (SAMPLES / "seeds-sharp.jpg").read_bytes())
    says(page, "seeds.jpg: 640x360 pixels. Restored by photos.")
    shown = page.locator("#pair img")
    assert shown.count() == 2
    for n in range(2):
        assert shown.nth(n).evaluate("image => image.naturalWidth") == 640
    # The line is moved: what covers the left picture changes with it.
    before = page.locator("#pair").screenshot()
    line = page.locator("#pair [class*=inner], #pair .icon-wrap").first.bounding_box()
    x, y = line["x"] + line["width"] / 2, line["y"] + line["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 200, y, steps=5)
    page.mouse.up()
    after = page.locator("#pair").screenshot()
    changed = np.abs(
        images.decode_rgb(before, "before").astype(int)
        - images.decode_rgb(after, "after")
    )
    assert changed.max() > 50
    name, picture = handed_out(page)
    assert name == "seeds-restored.png"
    wanted = load().restore(images.read_rgb(SAMPLES / "seeds-sharp.jpg"))
    assert np.abs(picture.pixels.astype(int) - wanted).max() <= 1


def test_sixteen_bits_stay(visitor):
    page = visitor()
    pixels = photo(48, 96, 0).astype(np.uint16) * 257 + 3
    drop(page, "deep.png", png(pixels))
    says(page, "deep.png: 96x48 pixels, 16 bits. Restored by")
    _, picture = handed_out(page)
    assert picture.pixels.dtype == np.uint16
    wanted = load().restore(pixels).astype(int)
    assert np.abs(picture.pixels.astype(int) - wanted).max() <= 257


def animation():
    frames = [Image.fromarray(photo(8, 8, n)) for n in range(2)]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    return out.getvalue()


def test_bad_input_is_reported_and_the_page_goes_on(visitor):
    page = visitor()
    huge = io.BytesIO()
    Image.new("1", (12000, 12000)).save(huge, "PNG")
    drop(page, "notes.jpg", b"no picture at all")
    says(page, "notes.jpg: not a picture of a known format")
    drop(page, "huge.png", huge.getvalue())
    says(page, "huge.png: has 144 megapixels")
    drop(page, "moving.gif", animation())
    says(page, "moving.gif: an animation of several frames")
    assert page.locator("#pair img").count() == 0
    # Markup and links in a name are text: nothing is run, nothing is fetched.
    drop(page, "<img src=x onerror=alert(1)>![](http:evil.png).png", b"bad")
    says(page, "not a picture of a known format")
    assert page.locator("#message img").count() == 0
    drop(page, "dot.png", png(photo(1, 1, 0)))
    says(page, "dot.png: 1x1 pixels. Restored by")
    page.get_by_role("tab", name="Own blur").click()
    page.get_by_role("button", name="Blur and restore").click()
    says(page, "needs a picture of more than", "#blur-message")


def test_a_file_of_too_many_bytes_is_reported(visitor, tmp_path):
    page = visitor()
    large = tmp_path / "large.bmp"
    with open(large, "wb") as file:
        file.write(b"BM")
        file.truncate(31 * 2**20)
    page.set_input_files("#drop input[type=file]", large)
    toast = page.locator("[data-testid=toast-body]").first
    playwright.expect(toast).to_contain_text(re.compile("size"), timeout=PATIENCE)
    drop(page, "small.png", png(photo(20, 30, 0)))
    says(page, "small.png: 30x20 pixels. Restored by")


def test_a_plate_that_is_not_found_is_tapped_and_restored(visitor):
    page = visitor()
    drop(page, CAR.name, CAR.read_bytes())
    says(page, "600x482 pixels. Restored by")
    page.get_by_role("tab", name="Plates").click()
    start = page.get_by_role("button", name="Restore plates")
    start.click()
    # With the OCR the plate is too blurred to be found; without, nothing is.
    playwright.expect(page.locator("#plates-message")).to_contain_text(
        re.compile("No plate was found|needs the extra ocr"), timeout=PATIENCE
    )
    assert page.locator("#crops img").count() == 0
    picture = page.locator("#places img")
    scale = picture.bounding_box()["width"] / 600
    for x, y, message in ((228, 220, "opposite corner"), (364, 300, "Press")):
        picture.click(position={"x": x * scale, "y": y * scale})
        says(page, message, "#plates-message")
    box = page.input_value("#boxes textarea")
    tapped, wanted = ([int(n) for n in text.split(",")] for text in (box, CAR_PLATE))
    np.testing.assert_allclose(tapped, wanted, atol=2)
    copied = page.locator("#options textarea, #options input")
    playwright.expect(copied).to_have_value(f"--box {box}")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("#options").get_by_role("button").click()
    assert page.evaluate("navigator.clipboard.readText()") == f"--box {box}"
    page.get_by_role("button", name="Clear the places").click()
    playwright.expect(page.locator("#boxes textarea")).to_have_value("")
    page.fill("#boxes textarea", CAR_PLATE)
    start.click()
    says(page, "1 plate restored by photos.", "#plates-message")
    playwright.expect(page.locator("#crops img")).to_have_count(2)
    name, result = handed_out(page, "Download the picture")
    assert name == "car-blurred-plates.png"
    original = images.read_rgb(CAR)
    outside = np.ones(original.shape[:2], bool)
    outside[220:300, 228:364] = False
    np.testing.assert_array_equal(result.pixels[outside], original[outside])
    assert (result.pixels != original)[220:300, 228:364].mean() > 0.5


def test_an_own_blur_is_made_with_sliders(visitor):
    page = visitor()
    page.click("#samples button[aria-label^='Thumbnail 6']")
    says(page, "plate-sharp.png: 256x128 pixels. Restored by")
    page.get_by_role("tab", name="Own blur").click()
    kernel = page.locator("#kernel img")
    first = kernel.get_attribute("src")
    page.get_by_label("number input for Length, pixels").fill("30")
    page.keyboard.press("Tab")
    playwright.expect(kernel).not_to_have_attribute("src", first, timeout=PATIENCE)
    page.get_by_role("button", name="Blur and restore").click()
    says(page, "Against the sharp picture: blurred PSNR", "#blur-message")
    assert page.locator("#own-pair img").count() == 2
    name, picture = handed_out(page)
    assert name == "plate-sharp-own.png" and picture.pixels.shape == (128, 256, 3)


def test_two_visitors_at_the_same_time(visitor):
    pages = [visitor(), visitor()]
    pixels = [photo(300, 400, seed) for seed in (1, 2)]
    for page, mine in zip(pages, pixels, strict=True):
        drop(page, "same name.png", png(mine))
    for page, mine in zip(pages, pixels, strict=True):
        says(page, "same name.png: 400x300 pixels. Restored by")
        _, picture = handed_out(page)
        wanted = load().restore(mine).astype(int)
        assert np.abs(picture.pixels.astype(int) - wanted).max() <= 1


def test_equal_uploads_have_a_path_each(server):
    def upload(_):
        edge = uuid.uuid4().hex
        head = 'Content-Disposition: form-data; name="files"; filename="same.png"'
        body = f"--{edge}\r\n{head}\r\n\r\n".encode() + png(photo(20, 30, 0))
        request = urllib.request.Request(
            f"{server.address}gradio_api/upload",
            body + f"\r\n--{edge}--\r\n".encode(),
            {"Content-Type": f"multipart/form-data; boundary={edge}"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            (path,) = json.load(answer)
        return Path(path)

    with ThreadPoolExecutor(12) as visitors:
        paths = set(visitors.map(upload, range(12)))
    assert len(paths) == 12 and {path.name for path in paths} == {"same.png"}
    for path in paths:
        assert path.read_bytes() == png(photo(20, 30, 0))
        path.unlink()


def in_view(page, place):
    """Waits until all of it is seen: scrolling takes a moment."""
    playwright.expect(page.locator(place)).to_be_in_viewport(
        ratio=0.99, timeout=PATIENCE
    )


def test_the_model_follows_the_sample_and_names_are_explained(visitor):
    page = visitor()
    chosen = page.locator("#model input")
    playwright.expect(chosen).to_have_value("auto: chosen by the picture")
    page.locator("#samples button").nth(0).click()
    says(page, "plate-1-blurred.png: 128x64 pixels. Restored by plates.")
    _, picture = handed_out(page)
    blurred = images.read_rgb(SAMPLES / "plate-1-blurred.png").astype(int)
    assert np.abs(picture.pixels - blurred).mean() > 10  # anyone sees it
    page.locator("#samples button").nth(4).click()
    says(page, "street-blurred.jpg: 640x360 pixels. Restored by photos.")
    playwright.expect(chosen).to_have_value("auto: chosen by the picture")
    chosen.click()
    page.get_by_role("option", name="plates_quick: number plates, fast").click()
    says(page, "street-blurred.jpg: 640x360 pixels. Restored by plates_quick.")


def test_a_phone_shows_all_of_it(visitor):
    page = visitor(
        viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True
    )
    page.locator("#samples button").nth(1).tap()
    says(page, "plate-2-blurred.png: 128x64 pixels. Restored by plates.")
    assert page.locator("#pair img").count() == 2
    in_view(page, "#pair")
    drop(page, "notes.jpg", b"no picture at all")
    says(page, "notes.jpg: not a picture of a known format")
    in_view(page, "#message")
    drop(page, "small.png", png(photo(200, 300, 0)))
    says(page, "small.png: 300x200 pixels. Restored by photos.")
    in_view(page, "#pair")
    for tab in ("Restore", "Plates", "Own blur"):
        page.get_by_role("tab", name=tab, exact=True).tap()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        folder = os.environ.get("SCREENSHOTS")
        if folder:
            page.wait_for_timeout(500)
            page.screenshot(path=f"{folder}/phone-{tab}.png", full_page=True)


def test_nothing_is_kept_and_nothing_leaves_the_machine(server, chromium, visitor):
    server.wait_until(lambda: not server.visitors_files(), 30)  # of the other tests
    page = visitor()
    drop(page, "a.png", png(photo(20, 30, 0)))
    says(page, "Restored by")
    names = {path.name for path in server.visitors_files()}
    assert {"a.png", "a-restored.png"} <= names
    assert page.requests
    assert [url for url in page.requests if not url.startswith(server.address)] == []
    for path in ("file=http://192.0.2.1/a.png", "proxy=https://192.0.2.1/a.png"):
        answer = page.request.get(f"{server.address}gradio_api/{path}")
        assert answer.status == 404
    page.close()
    server.wait_until(lambda: not server.visitors_files(), 30)
    called = server.connections.read_text().splitlines()
    ours = ("('127.0.0.1', ", "'127.0.0.1'", "'localhost'", "'::1'", "('::1', ", "None")
    assert [line for line in called if not line.startswith(ours)] == []


def test_there_is_no_way_past_the_queue(server):
    body = json.dumps({"data": [None]}).encode()
    for name in ("restore", "take", "plates"):
        request = urllib.request.Request(
            f"{server.address}gradio_api/run/{name}",
            body,
            {"Content-Type": "application/json"},
        )
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, timeout=30)
        with caught.value as answer:
            assert answer.code == 404


def test_a_second_server_on_the_port_is_refused(server):
    result = subprocess.run(
        [sys.executable, "-m", "deblurgan_tf.demo", "--port", str(server.port)],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 2 and "choose another --port" in result.stderr
    assert "Traceback" not in result.stderr


def test_ctrl_c_ends_it_cleanly_with_a_visitor_on_the_page(server, visitor):
    page = visitor()
    drop(page, "a.png", png(photo(20, 30, 0)))
    says(page, "Restored by")
    assert server.stop(signal.SIGINT) == 0
    assert "Traceback" not in server.output.read_text(), server.output.read_text()
    assert not list(server.folder.glob("deblurgan-demo-*"))
