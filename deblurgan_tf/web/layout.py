"""The page: its components, and which event calls which handler."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from deblurgan_tf.web import style
from deblurgan_tf.web.handlers import Answer, Handlers
from deblurgan_tf.web.parts import (
    PROGRESS,
    message_line,
    pair_slider,
    path_or_none,
    result_of,
    said,
    visit_key,
)
from deblurgan_tf.web.samples import samples
from deblurgan_tf.web.tabs import BlurTab, PlatesTab

PAIR_HELP = "Blurred on the left, restored on the right: move the line."
QUEUE = 40  # requests that wait; who comes later is told so
TO_TOP = "() => { window.scrollTo({top: 0, behavior: 'smooth'}); }"


def build(handlers: Handlers) -> gr.Blocks:
    """The page. All work with a model is done one after another, in order of arrival:
    two at a time would take twice the memory and no less time.
    """
    gallery = samples()
    names = handlers.models.names
    one_by_one: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "model"}

    # Served from where they lie: a copy among the uploads could be taken for one.
    gr.set_static_paths([sample.path for sample in gallery])
    with gr.Blocks(title=style.TITLE, analytics_enabled=False) as page:
        gr.Markdown("# Motion deblurring")
        gr.Markdown(style.WARNING)
        with gr.Row(elem_classes="beside"):
            with gr.Column(scale=1, min_width=280):
                drop = gr.File(
                    label="A blurred picture",
                    file_types=["image"],
                    height=150,
                    elem_id="drop",
                )
                message = message_line("message")
                model = gr.Dropdown(names, value=names[0], label="Model")
                gr.Markdown("Or try a sample:")
                chosen = gr.Gallery(
                    [(str(sample.path), sample.caption) for sample in gallery],
                    label="Or try a sample",
                    show_label=False,
                    height="auto",
                    allow_preview=False,
                    interactive=False,
                    buttons=[],
                    elem_id="samples",
                )
            with gr.Column(scale=2, min_width=320), gr.Tabs():
                with gr.Tab("Restore"):
                    gr.Markdown(PAIR_HELP)
                    pair = pair_slider("pair")
                    save = gr.DownloadButton("Download the result", interactive=False)
                with gr.Tab("Plates"):
                    plates = PlatesTab()
                with gr.Tab("Own blur"):
                    own = BlurTab()
        gr.Markdown(style.LIMITS)

        def take(file: dict[str, Any], request: gr.Request) -> list[Any]:
            return took(handlers.take(visit_key(request), Path(file["path"])))

        def take_sample(event: gr.SelectData, request: gr.Request) -> list[Any]:
            return took(handlers.take_sample(visit_key(request), gallery[event.index]))

        def took(answer: Answer) -> list[Any]:
            empty = gr.update(value=None)
            off = gr.update(value=None, interactive=False)
            return [
                empty,
                said(answer),
                empty,
                off,
                path_or_none(answer.picture),
                "",
                said(Answer()),
                [],
                off,
                said(Answer()),
                empty,
                off,
            ]

        taken = [
            drop,
            message,
            pair,
            save,
            plates.picture,
            plates.text,
            plates.message,
            plates.crops,
            plates.save,
            own.message,
            own.pair,
            own.save,
        ]

        def restore(
            name: str, request: gr.Request, progress: Any = PROGRESS
        ) -> list[Any]:
            answer = handlers.restore(visit_key(request), name, progress)
            line = said(answer) if answer.message else gr.skip()
            return [line, *result_of(answer)]

        again: dict[str, Any] = {
            "fn": restore,
            "inputs": model,
            "outputs": [message, pair, save],
            "show_progress_on": pair,
            **one_by_one,
        }
        # Not preprocessed: Gradio would refuse by the name's ending, in words of its
        # own, and leave an empty file behind.
        drop.upload(take, drop, taken, preprocess=False, show_progress="hidden").then(
            **again
        )
        chosen.select(take_sample, None, taken, show_progress="hidden").then(**again)
        chosen.select(None, js=TO_TOP)
        model.change(**again)
        plates.connect(handlers, model, one_by_one)
        own.connect(page, handlers, model, one_by_one)
        page.unload(_leaver(handlers))
    # Without api_open=False Gradio offers a way past the queue.
    page.queue(max_size=QUEUE, default_concurrency_limit=4, api_open=False)
    return page


def _leaver(handlers: Handlers) -> Callable[[gr.Request], None]:
    def leave(request: gr.Request) -> None:
        handlers.visits.close(visit_key(request))

    return leave
