"""What the tabs share: components, and their values from answers."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import gradio as gr

from deblurgan_tf.errors import UsageError
from deblurgan_tf.web.handlers import Answer

NARROW = 640
"""Pixels: the width of a page up to which the columns stand one below the other."""
# Gradio sees it as a default value, and gives each call one of its own.
PROGRESS = gr.Progress()


def message_line(name: str) -> gr.HTML:
    """An empty line for messages."""
    return gr.HTML(said(Answer()), elem_id=name, elem_classes="message-block")


def pair_slider(name: str) -> gr.ImageSlider:
    """A slider that compares a blurred and a restored picture."""
    return gr.ImageSlider(
        label="Blurred and restored",
        show_label=False,
        type="filepath",
        interactive=False,
        max_height=640,
        buttons=["fullscreen"],
        elem_id=name,
    )


def into_view(message: str, result: str) -> str:
    """JavaScript that shows a result: on a phone it lies below what was tapped.

    message: the id of the line that says what was done. Where that is a failure, there
    is no result, and the line is shown. result: the id of what the result is shown in.
    """
    return f"""() => {{
      const message = document.getElementById("{message}");
      const failed = message.querySelector(".failed");
      const target = failed ? message : document.getElementById("{result}");
      // On a wide page both columns are seen: it moves only where it must.
      const block = window.innerWidth <= {NARROW} ? "start" : "nearest";
      target.scrollIntoView({{behavior: "smooth", block}});
    }}"""


def visit_key(request: gr.Request) -> str:
    """The key of an open page: Gradio's session."""
    if not request.session_hash:
        raise UsageError("the page has no session; load it again")
    return request.session_hash


def said(answer: Answer) -> str:
    """The message as HTML: a file's name may hold any characters."""
    kind = "message failed" if answer.failed else "message"
    return f'<p class="{kind}" role="status">{html.escape(answer.message)}</p>'


def path_or_none(path: Path | None) -> str | None:
    """A file as the value of a component; None empties it."""
    return None if path is None else str(path)


def result_of(answer: Answer) -> list[Any]:
    """The values of a slider and of its download button."""
    pair = None if answer.pair is None else tuple(map(str, answer.pair))
    return [pair, download_of(answer.handed_out)]


def download_of(path: Path | None) -> Any:
    """The value of a download button, which is off without a file."""
    return gr.update(value=path_or_none(path), interactive=path is not None)
