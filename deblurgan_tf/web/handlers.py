"""What happens when a visitor does something: one method for each event of the page.

They take the visit's key and plain values, and return an `Answer` that `layout` shows.
A UserError becomes the message of the answer. Any other exception is a fault of this
package and passes: the server's log shows its traceback.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from deblurgan_tf import images
from deblurgan_tf.errors import UsageError, UserError
from deblurgan_tf.plates.boxes import Box
from deblurgan_tf.restoring.change import hardly_changed
from deblurgan_tf.restoring.plates import RestoredPlate, Restorer, restore_plates
from deblurgan_tf.storage.names import with_ending
from deblurgan_tf.web import own_blur, pictures, plate_places
from deblurgan_tf.web.models import Models
from deblurgan_tf.web.samples import Sample
from deblurgan_tf.web.visits import Visit, Visits

Advance = Callable[[float, str], object]
"""Is called with the finished share, in [0, 1], and what is being done."""
NO_PICTURE = "Drop a picture first, or choose a sample."
NEARLY = (
    "It is nearly as it was: it is sharp, or its blur is none that this model can "
    "undo. Another model may do more, or the tab Plates for a part of it."
)
NO_PLATE = (
    "No plate was found. Tap two opposite corners of the plate in the picture, or "
    "write its place as x,y,w,h."
)
NO_OCR = (
    "Finding and reading plates needs the extra ocr on the server; its terminal says "
    "how to install it."
)


@dataclass
class Answer:
    """What the page shows. Paths are files of the visit.

    pair: the pictures that the slider compares, left and right. handed_out: the file
    to download. crops: pictures with their captions. text: the new contents of the box
    for places. options: the places for the command line.
    """

    message: str = ""
    failed: bool = False
    picture: Path | None = None
    pair: tuple[Path, Path] | None = None
    handed_out: Path | None = None
    crops: list[tuple[Path, str]] = field(default_factory=list)
    text: str = ""
    options: str = ""


class _Stopping:
    """A restorer that stops before its next picture once the visitor has left."""

    def __init__(self, restorer: Restorer, visit: Visit) -> None:
        self.restorer, self.visit = restorer, visit
        self.kernel = restorer.kernel

    def restore(self, pixels: np.ndarray) -> np.ndarray:
        self.visit.check()
        return self.restorer.restore(pixels)


class Handlers:
    """The events of the page, for all visits; `key` says which visit."""

    def __init__(self, models: Models, visits: Visits) -> None:
        self.models = models
        self.visits = visits

    def take(self, key: str, upload: Path) -> Answer:
        """A file was dropped: it is checked and becomes the visit's picture."""
        with _answering() as answer:
            path = self.visits.adopt(key, upload)
            self._look(self.visits.open(key), path, answer)
        return answer

    def take_sample(self, key: str, sample: Sample) -> Answer:
        """A sample was chosen: it becomes the visit's picture."""
        with _answering() as answer:
            visit = self.visits.open(key)
            files = {sample.path.name: sample.path.read_bytes()}
            (path,) = visit.save("picture", files)
            visit.picture, visit.model, visit.corner = path, sample.model, None
            self._look(visit, path, answer)
        return answer

    def restore(self, key: str, model: str, advance: Advance) -> Answer:
        """The whole picture is restored; without a picture the answer is empty."""
        with _answering() as answer:
            visit = self.visits.open(key)
            if visit.picture is None:
                return answer
            model = self.models.chosen(model, visit.model)
            picture = _opened(visit, visit.picture)
            pixels = self._restored(visit, model, picture.pixels, advance)
            answer.pair = self._pair(visit, "restored", picture, pixels)
            answer.handed_out = self._hand_out(visit, "restored", picture, pixels)
            name = pictures.described(picture, visit.picture.name)
            answer.message = f"{name}. Restored by {model}."
            if hardly_changed(picture.pixels, pixels):
                answer.message += f" {NEARLY}"
        return answer

    def tap(self, key: str, point: tuple[int, int], text: str) -> Answer:
        """The visitor tapped the shown picture at `point`, x and y in its pixels."""
        with _answering(Answer(text=text)) as answer:
            visit, picture = self._picture(key)
            height, width = picture.pixels.shape[:2]
            scale = pictures.shown_scale(height, width)
            x, y = (round(value / scale) for value in point)
            place = (min(max(x, 0), width), min(max(y, 0), height))
            answer.text, visit.corner = plate_places.tapped(text, visit.corner, place)
            answer.message = (
                "Tap the opposite corner." if visit.corner else "Press Restore plates."
            )
            answer.picture = self._marked(visit, picture, answer.text)
            answer.options = plate_places.options(answer.text)
        return answer

    def mark(self, key: str, text: str) -> Answer:
        """The places in the text have changed: they are drawn."""
        with _answering(Answer(text=text)) as answer:
            visit, picture = self._picture(key)
            visit.corner = None
            answer.picture = self._marked(visit, picture, text)
            answer.options = plate_places.options(text)
        return answer

    def plates(self, key: str, model: str, text: str, advance: Advance) -> Answer:
        """The plates at the places in the text are restored; without any, all found."""
        with _answering(Answer(text=text)) as answer:
            visit, picture = self._picture(key)
            answer.picture = self._marked(visit, picture, text)
            answer.options = plate_places.options(text)
            boxes, ocr = plate_places.boxes_in(text), plate_places.has_ocr()
            if not boxes and not ocr:
                raise UsageError(f"{NO_OCR} Without it, name the plate's place.")
            advance(0.0, "looking for plates" if not boxes else "restoring")
            model = self.models.chosen(model, visit.model)
            restorer = self.models.restorer(model)
            result = restore_plates(
                _Stopping(restorer, visit), picture.pixels, boxes or None, read=ocr
            )
            visit.check()
            if not result.plates:
                raise UsageError(NO_PLATE)
            found = [plate.box for plate in result.plates]
            answer.picture = self._show(visit, picture, result.pixels, found)
            answer.options = plate_places.options_of(found)
            answer.crops = self._crops(visit, picture, result.plates)
            answer.handed_out = self._hand_out(visit, "plates", picture, result.pixels)
            count = len(found)
            answer.message = (
                f"{count} plate{'s' if count > 1 else ''} restored by {model}."
                + ("" if ocr else f" {NO_OCR}")
            )
        return answer

    def kernel(self, key: str, settings: own_blur.Settings) -> Path:
        """A picture of the kernel of these settings."""
        data = own_blur.kernel_picture(own_blur.make_kernel(settings))
        return self.visits.open(key).save("kernel", {"kernel.png": data})[0]

    def own_blur(
        self, key: str, model: str, settings: own_blur.Settings, advance: Advance
    ) -> Answer:
        """The visit's picture is taken as sharp, blurred and restored."""
        with _answering() as answer:
            visit, picture = self._picture(key)
            sharp = own_blur.fitted(pictures.eight_bits(picture.pixels))
            advance(0.0, "blurring")
            blurred = own_blur.blurred(sharp, own_blur.make_kernel(settings), settings)
            model = self.models.chosen(model, visit.model)
            restored = self._restored(visit, model, blurred, advance)
            advance(1.0, "comparing")
            scores = own_blur.scores(blurred, restored, sharp)
            answer.message = f"{scores} Restored by {model}."
            if sharp.shape != picture.pixels.shape:
                height, width = sharp.shape[:2]
                answer.message += (
                    f" It was downsampled to {width}x{height} pixels first."
                )
            plain = images.Picture(blurred)
            answer.pair = self._pair(visit, "own", plain, restored)
            answer.handed_out = self._hand_out(visit, "own", plain, restored)
        return answer

    def _picture(self, key: str) -> tuple[Visit, images.Picture]:
        visit = self.visits.open(key)
        if visit.picture is None:
            raise UsageError(NO_PICTURE)
        return visit, _opened(visit, visit.picture)

    def _look(self, visit: Visit, path: Path, answer: Answer) -> None:
        """Shows a new picture; removes the file where it is no picture."""
        try:
            picture = _opened(visit, path)
            answer.picture = self._show(visit, picture, picture.pixels, ())
            answer.message = pictures.described(picture, path.name)
        except Exception:
            visit.picture = None
            visit.clear("picture")
            raise

    def _restored(
        self, visit: Visit, model: str, pixels: np.ndarray, advance: Advance
    ) -> np.ndarray:
        restorer = self.models.restorer(model)

        def on_part(share: float) -> None:
            visit.check()
            advance(share, "restoring")

        advance(0.0, "restoring")
        return restorer.restore(pixels, on_part)

    def _pair(
        self, visit: Visit, slot: str, picture: images.Picture, restored: np.ndarray
    ) -> tuple[Path, Path]:
        files = {
            "blurred.jpg": pictures.shown(picture.pixels, picture),
            "restored.jpg": pictures.shown(restored, picture),
        }
        before, after = visit.save(f"pair_{slot}", files)
        return before, after

    def _crops(
        self, visit: Visit, picture: images.Picture, plates: list[RestoredPlate]
    ) -> list[tuple[Path, str]]:
        """Saves each plate before and after; gives the files and their captions."""
        files: dict[str, bytes] = {}
        captions: list[str] = []
        for number, plate in enumerate(plates, 1):
            for when, crop in (("blurred", plate.before), ("restored", plate.after)):
                data = pictures.shown(plate_places.enlarged(crop), picture)
                files[f"plate-{number}-{when}.jpg"] = data
            captions += plate_places.captions(number, plate)
        return list(zip(visit.save("crops", files), captions, strict=True))

    def _hand_out(
        self, visit: Visit, slot: str, picture: images.Picture, restored: np.ndarray
    ) -> Path:
        stem = visit.picture.stem if visit.picture else "picture"
        data = pictures.handed_out(picture, restored)
        name = with_ending(stem, f"-{slot}.png")
        return visit.save(f"handed_{slot}", {name: data})[0]

    def _marked(self, visit: Visit, picture: images.Picture, text: str) -> Path:
        boxes = plate_places.boxes_that_parse(text)
        return self._show(visit, picture, picture.pixels, boxes)

    def _show(
        self,
        visit: Visit,
        picture: images.Picture,
        pixels: np.ndarray,
        boxes: list[Box] | tuple[()],
    ) -> Path:
        draw = plate_places.marks(boxes, visit.corner)
        data = pictures.shown(pixels, picture, draw)
        return visit.save("shown", {"picture.jpg": data})[0]


def _opened(visit: Visit, path: Path) -> images.Picture:
    """A picture of the visit. Raises VisitOver where the visit has ended meanwhile."""
    with visit.own_files():
        return pictures.open_picture(path)


@contextmanager
def _answering(answer: Answer | None = None) -> Iterator[Answer]:
    """Makes a UserError, or too little memory, the answer's message."""
    answer = Answer() if answer is None else answer
    try:
        yield answer
    except MemoryError:
        answer.message, answer.failed = "Too large for the server's memory.", True
    except UserError as error:
        answer.message, answer.failed = str(error), True
