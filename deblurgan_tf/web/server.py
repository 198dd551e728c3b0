"""Serves the page until it is stopped; all its files lie in a temporary folder."""

from __future__ import annotations

import importlib.util
import logging
import os
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from deblurgan_tf.cli.startup import import_tensorflow
from deblurgan_tf.cli.terminal import say
from deblurgan_tf.errors import MissingExtra, UsageError
from deblurgan_tf.storage import leftovers
from deblurgan_tf.storage.installation import install_command

# Gradio and TensorFlow take seconds to import; --help and wrong usage do without.
if TYPE_CHECKING:
    import gradio as gr

    from deblurgan_tf.web.visits import Visits

SWEEP = 60.0
"""Seconds between two searches for files that nobody needs any more."""


class Stop:
    """Whether SIGTERM or Ctrl-C has asked the server to end, and which of them."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.number: int | None = None

    def note(self, number: int, _: object) -> None:
        """The handler of both signals."""
        self.number = number
        self.asked.set()


@contextmanager
def stop_signals() -> Iterator[Stop]:
    """Inside, SIGTERM and Ctrl-C are noted; outside, the earlier handlers are back."""
    stop = Stop()
    before = {
        number: signal.signal(number, stop.note)
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that is removed; inside, libraries put their temporary files there."""
    usual = tempfile.gettempdir()
    # Gradio serves no file below a hidden folder.
    with leftovers.temporary_folder(hidden=False) as folder:
        tempfile.tempdir = str(folder)
        try:
            yield folder
        finally:
            tempfile.tempdir = usual


def check_extra() -> None:
    """Raises MissingExtra where Gradio is not installed."""
    if importlib.util.find_spec("gradio") is None:
        raise MissingExtra(
            f"the page needs the extra demo; install it with {install_command('demo')}"
        )


def check_address(host: str, port: int) -> None:
    """Raises UsageError where the server cannot listen, before a model is loaded."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        )[0]
    except OSError as error:
        raise UsageError(
            f"--host {host}: is no address of this machine ({error.strerror}); "
            "127.0.0.1 is this machine alone"
        ) from error
    with socket.socket(family, kind) as probe:
        # A port whose server has just ended can be used, one in use cannot.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            raise UsageError(
                f"--host {host} --port {port}: cannot listen there ({error.strerror}); "
                "choose another --port"
            ) from error


def serve(model: str, host: str, port: int, folder: Path, stop: Stop) -> None:
    """Serves the page until `stop` is asked for; all its files lie in `folder`.

    Raises ModelError for a model that cannot be used, and UsageError for a port that
    was taken meanwhile.
    """
    import_tensorflow()
    uploads = folder / "uploads"
    # Gradio reads these when it is imported: no reports to its makers, no history.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_TEMP_DIR"] = str(uploads)
    from deblurgan_tf.devices import prepare_devices
    from deblurgan_tf.web.handlers import Handlers
    from deblurgan_tf.web.models import Models
    from deblurgan_tf.web.visits import Visits

    prepare_devices()
    visits = Visits(uploads)
    handlers = Handlers(Models(model), visits)
    from deblurgan_tf.web import layout, plate_places

    if not plate_places.has_ocr():
        say(f"without the extra ocr no plates are found: {install_command('ocr')}")
    page = layout.build(handlers)
    try:
        _launch(page, host, port)
        logging.getLogger("uvicorn.error").addFilter(LeftVisits(visits))
        say(f"open http://{_browsable(host)}:{port} in a browser; Ctrl-C ends it")
        while not stop.asked.wait(SWEEP):
            visits.sweep()
    finally:
        visits.close_all()  # running work ends at its next tile
        page.close(verbose=False)


def _launch(page: gr.Blocks, host: str, port: int) -> None:
    from starlette.middleware import Middleware

    from deblurgan_tf.web import pictures, style
    from deblurgan_tf.web.inside import InsideOnly
    from deblurgan_tf.web.uploads import OwnUploads

    try:
        page.launch(
            server_name=host,
            server_port=port,
            prevent_thread_lock=True,
            quiet=True,
            share=False,
            ssr_mode=False,
            run_history=False,
            enable_monitoring=False,
            mcp_server=False,
            footer_links=[],
            max_file_size=pictures.MAX_BYTES,
            theme=style.theme(),
            css=style.CSS,
            app_kwargs={"middleware": [Middleware(InsideOnly), Middleware(OwnUploads)]},
        )
    except OSError as error:
        raise UsageError(f"--port {port}: {error}") from error


class LeftVisits(logging.Filter):
    """Drops log records of a visitor who left while a file of the visit was sent.

    Such a file is removed at once, so the server misses it. Any other missing file is
    a fault that the log must show.
    """

    def __init__(self, visits: Visits) -> None:
        super().__init__()
        self.visits = visits

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is shown."""
        error = record.exc_info[1] if record.exc_info else None
        return not (
            isinstance(error, FileNotFoundError) and self.visits.had(error.filename)
        )


def _browsable(host: str) -> str:
    """The host of the page's address in a browser of this machine."""
    if host in ("0.0.0.0", "::"):
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
