"""The page: its components, and which event calls which handler."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from deblurgan_tf.web import style
from deblurgan_tf.web.handlers import Answer, Handlers
from deblurgan_tf.web.parts import (
    PROGRESS,
    into_view,
    message_line,
    path_or_none,
    result_of,
    said,
    visit_key,
)
from deblurgan_tf.web.samples import Sample, samples
from deblurgan_tf.web.tabs import BlurTab, PlatesTab, RestoreTab

QUEUE = 40  # requests that may wait; further visitors are told that the page is busy
ONE_BY_ONE: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "model"}
"""Work with a model is done one after another, in the order of arrival: two at a time
would take twice the memory and no less time."""


def build(handlers: Handlers) -> gr.Blocks:
    """The whole page, whose events call `handlers`."""
    gallery = samples()
    # Served from where they are: a copy among the uploads could be taken for one.
    gr.set_static_paths([sample.path for sample in gallery])
    with gr.Blocks(title=style.TITLE, analytics_enabled=False) as page:
        gr.Markdown("# Motion deblurring")
        gr.Markdown(style.WARNING)
        with gr.Row(elem_classes="beside"):
            with gr.Column(scale=1, min_width=280):
                choice = Choice(handlers.models.choices, gallery)
            with gr.Column(scale=2, min_width=320), gr.Tabs(elem_id="results"):
                with gr.Tab("Restore"):
                    whole = RestoreTab()
                with gr.Tab("Plates"):
                    plates = PlatesTab()
                with gr.Tab("Own blur"):
                    own = BlurTab()
        gr.Markdown(style.LIMITS)

        choice.connect(handlers, whole, plates, own)
        plates.connect(handlers, choice.model, ONE_BY_ONE)
        own.connect(page, handlers, choice.model, ONE_BY_ONE)

        def leave(request: gr.Request) -> None:
            handlers.visits.close(visit_key(request))

        page.unload(leave)
    # Without api_open=False Gradio offers a way past the queue.
    page.queue(max_size=QUEUE, default_concurrency_limit=4, api_open=False)
    return page


class Choice:
    """The column in which a visitor chooses a picture and a model."""

    def __init__(self, models: list[tuple[str, str]], gallery: list[Sample]) -> None:
        self.gallery = gallery
        self.drop = gr.File(
            label="A blurred picture",
            file_types=["image"],
            height=150,
            elem_id="drop",
        )
        self.message = message_line("message")
        _, first = models[0]
        self.model = gr.Dropdown(models, value=first, label="Model", elem_id="model")
        gr.Markdown("Or try a sample:")
        self.samples = gr.Gallery(
            [(str(sample.path), sample.caption) for sample in gallery],
            label="Or try a sample",
            show_label=False,
            height="auto",
            allow_preview=False,
            interactive=False,
            buttons=[],
            elem_id="samples",
        )

    def connect(
        self, handlers: Handlers, whole: RestoreTab, plates: PlatesTab, own: BlurTab
    ) -> None:
        """A new picture empties all tabs and is restored; so is it by a new model."""

        def emptied(answer: Answer) -> dict[Any, Any]:
            nothing = gr.update(value=None)
            off = gr.update(value=None, interactive=False)
            return {
                self.drop: nothing,
                self.message: said(answer),
                whole.pair: nothing,
                whole.save: off,
                plates.picture: path_or_none(answer.picture),
                plates.text: "",
                plates.message: said(Answer()),
                plates.crops: [],
                plates.save: off,
                own.message: said(Answer()),
                own.pair: nothing,
                own.save: off,
            }

        def take(file: dict[str, Any], request: gr.Request) -> dict[Any, Any]:
            return emptied(handlers.take(visit_key(request), Path(file["path"])))

        def take_sample(event: gr.SelectData, request: gr.Request) -> dict[Any, Any]:
            sample = self.gallery[event.index]
            return emptied(handlers.take_sample(visit_key(request), sample))

        def restore(
            name: str, request: gr.Request, progress: Any = PROGRESS
        ) -> list[Any]:
            answer = handlers.restore(visit_key(request), name, progress)
            line = said(answer) if answer.message else gr.skip()
            return [line, *result_of(answer)]

        again: dict[str, Any] = {
            "fn": restore,
            "inputs": self.model,
            "outputs": [self.message, whole.pair, whole.save],
            "show_progress_on": whole.pair,
            **ONE_BY_ONE,
        }
        tabs = list(emptied(Answer()))
        # Not preprocessed: Gradio would refuse by the name's ending, with a message of
        # its own, and leave an empty file behind.
        taken = self.drop.upload(
            take, self.drop, tabs, preprocess=False, show_progress="hidden"
        )
        chosen = self.samples.select(take_sample, None, tabs, show_progress="hidden")
        shown = into_view("message", "results")
        for begun in (taken, chosen):
            begun.then(None, js=shown)  # where the progress is seen
            begun.then(**again)
        self.model.change(None, js=shown)
        self.model.change(**again)
