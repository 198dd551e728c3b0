"""A web page to try a model on pictures: `python -m deblurgan_tf.demo --help`."""

from __future__ import annotations

import signal
from typing import Annotated

import typer

from deblurgan_tf.cli.app import App
from deblurgan_tf.cli.terminal import say
from deblurgan_tf.storage.model_names import chosen
from deblurgan_tf.storage.resources import AUTO_MODEL
from deblurgan_tf.web import server

app = App()


@app.command(
    examples=(
        "python -m deblurgan_tf.demo",
        "python -m deblurgan_tf.demo --model runs/plates_paper --port 8080",
    ),
)
def main(
    model: Annotated[
        str,
        typer.Option(
            help="auto, a shipped model's name, a run's folder or a .keras file"
        ),
    ] = AUTO_MODEL,
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="the port that the page is served at")
    ] = 7860,
    host: Annotated[
        str,
        typer.Option(
            help="the address to listen at; 0.0.0.0 opens the page to everyone who "
            "reaches this machine"
        ),
    ] = "127.0.0.1",
) -> None:
    """Serve a page to try a model: restore pictures and number plates, make a blur.

    Pictures are removed when their visitor closes the page, and nothing is fetched
    from other servers. Ctrl-C ends it. Exit codes: 0 ended, 2 wrong usage, model,
    address or a missing extra, 143 stopped by SIGTERM.
    """
    with server.stop_signals() as stop, server.temporary_folder() as folder:
        server.check_address(host, port)
        server.check_extra()
        say(f"loading {chosen(model)}")
        server.serve(model, host, port, folder, stop)
    if stop.number == signal.SIGTERM:
        raise typer.Exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    app()
