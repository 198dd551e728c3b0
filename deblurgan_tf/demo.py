"""A web page to try a model on pictures: `python -m deblurgan_tf.demo --help`."""

from __future__ import annotations

import importlib.util
import logging
import os
import shutil
import signal
import socket
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deblurgan_tf.cli.app import App
from deblurgan_tf.cli.startup import import_tensorflow
from deblurgan_tf.cli.terminal import say
from deblurgan_tf.errors import UsageError
from deblurgan_tf.storage.resources import DEFAULT_MODEL

# Gradio and TensorFlow take seconds to import; --help does without.
if TYPE_CHECKING:
    import gradio as gr

    from deblurgan_tf.web.visits import Visits

SWEEP = 60.0  # seconds between two looks for files that nobody needs any more

app = App()


@app.command(
    epilog="Examples: python -m deblurgan_tf.demo || python -m deblurgan_tf.demo "
    "--model runs/plates_paper --port 8080",
)
def main(
    model: Annotated[
        str, typer.Option(help="a shipped model's name, a run's folder or a .keras")
    ] = DEFAULT_MODEL,
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="the port that the page is served at")
    ] = 7860,
    host: Annotated[
        str,
        typer.Option(
            help="the address to listen at; 0.0.0.0 lets in whoever reaches this "
            "machine"
        ),
    ] = "127.0.0.1",
) -> None:
    """Serve a page to try a model: restore pictures and number plates, make a blur.

    Pictures are removed when their visitor closes the page, and nothing is fetched
    from elsewhere. Ctrl-C ends it. Exit codes: 0 ended, 2 wrong usage, model, address
    or a missing extra, 143 stopped by SIGTERM.
    """
    stop = threading.Event()
    signals: list[int] = []

    def note(number: int, _: object) -> None:
        signals.append(number)
        stop.set()

    before = {
        number: signal.signal(number, note)
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    elsewhere = tempfile.gettempdir()
    folder = Path(tempfile.mkdtemp(prefix="deblurgan-demo-"))
    # What libraries put aside while they work goes with the rest.
    tempfile.tempdir = str(folder)
    try:
        _check_address(host, port)
        _check_extra()
        say(f"loading {model}")
        _serve(model, host, port, folder, stop)
    # ModelError is one of them; its module would import TensorFlow for this line.
    except ValueError as error:
        say(f"error: {error}", "bold red")
        raise typer.Exit(2) from None
    finally:
        tempfile.tempdir = elsewhere
        shutil.rmtree(folder, ignore_errors=True)
        for number, handler in before.items():
            signal.signal(number, handler)
    if signal.SIGTERM in signals:
        raise typer.Exit(128 + signal.SIGTERM)


def _check_extra() -> None:
    if importlib.util.find_spec("gradio") is None:
        raise UsageError(
            "the page needs the extra demo; install it with "
            "pip install 'deblurgan_tf[demo]'"
        )


def _check_address(host: str, port: int) -> None:
    """Raises UsageError now rather than after the model is loaded."""
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
        # A port that was just given back may be taken again; one in use may not.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            raise UsageError(
                f"--host {host} --port {port}: cannot listen there ({error.strerror}); "
                "choose another --port"
            ) from error


def _serve(
    model: str, host: str, port: int, folder: Path, stop: threading.Event
) -> None:
    """Serves the page until `stop` is set; all files of it lie in `folder`."""
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
    from deblurgan_tf.web import layout

    page = layout.build(handlers)
    try:
        _launch(page, host, port)
        logging.getLogger("uvicorn.error").addFilter(_is_news)
        say(f"open http://{_shown(host)}:{port} in a browser; Ctrl-C ends it")
        while not stop.wait(SWEEP):
            visits.sweep()
    finally:
        _close(page, visits)


def _launch(page: gr.Blocks, host: str, port: int) -> None:
    from starlette.middleware import Middleware

    from deblurgan_tf.web import pictures, style
    from deblurgan_tf.web.inside import InsideOnly

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
            app_kwargs={"middleware": [Middleware(InsideOnly)]},
        )
    except OSError as error:
        raise UsageError(f"--port {port}: {error}") from error


def _is_news(record: logging.LogRecord) -> bool:
    """Whether the log should tell it: not that a visitor left while a picture was being
    sent to him, which is removed at once.
    """
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, FileNotFoundError)


def _close(page: gr.Blocks, visits: Visits) -> None:
    visits.close_all()  # work that is going on ends at its next tile
    page.close(verbose=False)


def _shown(host: str) -> str:
    """What to write into a browser on this machine for an address to listen at."""
    if host in ("0.0.0.0", "::"):
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


if __name__ == "__main__":
    app()
