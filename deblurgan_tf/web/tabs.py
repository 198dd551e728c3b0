"""The tabs: a whole picture, number plates, and a blur of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from deblurgan_tf.web import own_blur, plate_places
from deblurgan_tf.web.handlers import NO_OCR, Answer, Handlers
from deblurgan_tf.web.parts import (
    PROGRESS,
    download_of,
    into_view,
    message_line,
    pair_slider,
    path_or_none,
    result_of,
    said,
    visit_key,
)

PAIR_HELP = "Blurred on the left, restored on the right: move the line."
PLATES_HELP = (
    "Tap two opposite corners of each plate, or write its place. Without a place, the "
    "plates are searched for. The places can be copied for the command line."
)
BLUR_HELP = (
    "Take a sharp picture, blur it with a kernel of your own, and see how well the "
    "model removes the blur."
)


class RestoreTab:
    """The whole picture, blurred and restored."""

    def __init__(self) -> None:
        gr.Markdown(PAIR_HELP)
        self.pair = pair_slider("pair")
        self.save = gr.DownloadButton("Download the result", interactive=False)


class PlatesTab:
    """Plates: their places, and the restored crops."""

    def __init__(self) -> None:
        gr.Markdown(PLATES_HELP + ("" if plate_places.has_ocr() else f" {NO_OCR}"))
        self.picture = gr.Image(
            label="Picture and places",
            show_label=False,
            type="filepath",
            interactive=False,
            buttons=[],
            elem_id="places",
        )
        self.text = gr.Textbox(
            label="Places: x,y,w,h in pixels, one a line",
            placeholder="for the sample of the car: 228,220,136,80",
            lines=2,
            elem_id="boxes",
        )
        self.options = gr.Textbox(
            label="The same places for python -m deblurgan_tf.predict",
            placeholder="two taps in the picture write them",
            lines=1,
            interactive=False,
            buttons=["copy"],
            elem_id="options",
        )
        with gr.Row():
            self.clear = gr.Button("Clear the places")
            self.start = gr.Button("Restore plates", variant="primary")
        self.message = message_line("plates-message")
        self.crops = gr.Gallery(
            label="Plates, blurred and restored",
            show_label=False,
            height="auto",
            interactive=False,
            buttons=["fullscreen"],
            elem_id="crops",
        )
        self.save = gr.DownloadButton("Download the picture", interactive=False)

    def connect(
        self, handlers: Handlers, model: gr.Dropdown, how: dict[str, Any]
    ) -> None:
        """Connects the events; `how` are Gradio's options of work with a model."""

        def tap(event: gr.SelectData, text: str, request: gr.Request) -> list[Any]:
            x, y = event.index
            return drawn_of(handlers.tap(visit_key(request), (x, y), text))

        def mark(text: str, request: gr.Request) -> list[Any]:
            return drawn_of(handlers.mark(visit_key(request), text))

        def clear(request: gr.Request) -> list[Any]:
            return mark("", request)

        def plates(
            name: str, text: str, request: gr.Request, progress: Any = PROGRESS
        ) -> list[Any]:
            answer = handlers.plates(visit_key(request), name, text, progress)
            crops = [(str(path), caption) for path, caption in answer.crops]
            picture, save = path_or_none(answer.picture), download_of(answer.handed_out)
            return [said(answer), picture, answer.options, crops, save]

        drawn = [self.message, self.text, self.picture, self.options]
        self.picture.select(tap, self.text, drawn, show_progress="hidden")
        self.text.blur(mark, self.text, drawn, show_progress="hidden")
        self.clear.click(clear, None, drawn, show_progress="hidden")
        self.start.click(
            plates,
            [model, self.text],
            [self.message, self.picture, self.options, self.crops, self.save],
            show_progress_on=self.crops,
            **how,
        ).then(None, js=into_view("plates-message", "crops"))


class BlurTab:
    """Sliders, the kernel they make, and the picture blurred with it and restored."""

    def __init__(self) -> None:
        gr.Markdown(BLUR_HELP)
        with gr.Row(elem_classes="beside"):
            with gr.Column(scale=2, min_width=240):
                self.sliders = _sliders()
            with gr.Column(scale=1, min_width=160):
                self.kernel = gr.Image(
                    label="Kernel",
                    show_label=False,
                    type="filepath",
                    interactive=False,
                    buttons=[],
                    elem_id="kernel",
                )
        self.start = gr.Button("Blur and restore", variant="primary")
        self.message = message_line("blur-message")
        self.pair = pair_slider("own-pair")
        self.save = gr.DownloadButton("Download the result", interactive=False)

    def connect(
        self,
        page: gr.Blocks,
        handlers: Handlers,
        model: gr.Dropdown,
        how: dict[str, Any],
    ) -> None:
        """Connects the events; `how` are Gradio's options of work with a model."""

        def kernel(request: gr.Request, *values: float) -> str:
            return str(handlers.kernel(visit_key(request), _settings(values)))

        def start(
            name: str,
            request: gr.Request,
            *values: float,
            progress: Any = PROGRESS,
        ) -> list[Any]:
            settings = _settings(values)
            answer = handlers.own_blur(visit_key(request), name, settings, progress)
            return [said(answer), *result_of(answer)]

        gr.on(
            [page.load, *(slider.change for slider in self.sliders)],
            kernel,
            self.sliders,
            self.kernel,
            show_progress="hidden",
            trigger_mode="always_last",
        )
        self.start.click(
            start,
            [model, *self.sliders],
            [self.message, self.pair, self.save],
            show_progress_on=self.pair,
            **how,
        ).then(None, js=into_view("blur-message", "own-pair"))


def drawn_of(answer: Answer) -> list[Any]:
    """The values of the message, the places, the picture and the options."""
    picture = path_or_none(answer.picture)
    return [said(answer), answer.text, picture, answer.options]


def _settings(values: Sequence[float]) -> own_blur.Settings:
    """The settings from the sliders' values, in the order of the sliders."""
    length, exposure, shake, angle, seed, noise = values
    return own_blur.Settings(length, exposure, shake, angle, int(seed), noise)


def _sliders() -> list[gr.Slider]:
    """One for each field of `own_blur.Settings`, in their order."""
    start = own_blur.Settings()
    ranges = [  # lowest, highest, start, step, label
        (1, own_blur.LONGEST, start.length, 1, "Length, pixels"),
        (0.1, 1, start.exposure, 0.05, "Exposure, part of the path"),
        (0, 0.01, start.shake, 0.001, "Shake: 0 is a straight line"),
        (0, 360, start.angle, 5, "Angle, degrees"),
        (0, 999, start.seed, 1, "Path number"),
        (0, 20, start.noise, 0.5, "Noise, grey levels"),
    ]
    return [
        gr.Slider(lowest, highest, value, step=step, label=label)
        for lowest, highest, value, step, label in ranges
    ]
