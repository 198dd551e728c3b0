"""Reads real plates with the OCR and with readers, and writes tables of what they read.

    python read_sets.py --reader new=reader.keras --start reader_start.onnx \
        --data DATA --pairs PAIRS --output out

DATA is the folder of reference data (plates/, dashcam/, vietnam/), PAIRS holds `us40`
and `eu` as made in experiments/plates, and `vn2` of `render_vietnam.py`'s plates.
Dashcam groups with an odd number are for choosing and fitting, those with an even
number for figures. Texts are compared as A-Z and 0-9, with O and 0 as one. `--fit`
prints the temperature that fits the odd groups best. The table of all readings
(`readings.json`) holds real plates: keep it beside the data, not in the project.
"""

import argparse
import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import keras
import numpy as np

from deblurgan_tf.images import read_rgb
from deblurgan_tf.metrics.texts import character_error_rate
from deblurgan_tf.models import reader
from deblurgan_tf.plates.detection import read_plate

BINS = 10
SURE = ("ECE", "wrong at 90 %", "right given so")


class Sample(NamedTuple):
    pixels: np.ndarray
    text: str
    group: str
    two_lines: bool


def cut(pixels: np.ndarray, row: dict, margin: tuple[float, float]) -> np.ndarray:
    """The box of `row` grown by parts of its width and height."""
    x, y, w, h = (int(row[k]) for k in "xywh")
    dx, dy = round(margin[0] * w), round(margin[1] * h)
    part = pixels[max(0, y - dy) : y + h + dy, max(0, x - dx) : x + w + dx]
    return np.ascontiguousarray(part)


def table(path: Path) -> list[dict]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def sets(data: Path, pairs: Path, margin: float) -> dict[str, list[Sample]]:
    """All sets by name; margin: around the dashcam's boxes, parts of a side."""
    found: dict[str, list[Sample]] = {}
    for row in table(data / "dashcam" / "plates.csv"):
        if row["class"] == "blurred-unreadable":
            continue
        half = "odd" if int(row["group"][1:]) % 2 else "even"
        kind = "sharp" if row["class"] == "sharp" else "blurred"
        pixels = read_rgb(data / "dashcam" / "surroundings" / row["file"])
        sample = Sample(
            cut(pixels, row, (margin, margin)), row["text"], row["group"], False
        )
        found.setdefault(f"dashcam {half} {kind}", []).append(sample)
    for row in table(data / "plates" / "us_crops" / "plates.csv"):
        pixels = read_rgb(data / "plates" / "us_crops" / row["file"])
        sample = Sample(pixels, row["text"], row["file"], False)
        found.setdefault("american sharp", []).append(sample)
    for row in table(data / "plates" / "eu" / "plates.csv"):
        pixels = read_rgb(data / "plates" / "eu" / row["file"])
        sample = Sample(cut(pixels, row, (0.04, 0.1)), row["text"], row["file"], False)
        found.setdefault("european sharp", []).append(sample)
    for name, folder in (("american blurred", "us40"), ("european blurred", "eu")):
        for row in table(pairs / folder / "texts.csv"):
            pixels = read_rgb(pairs / folder / "blurred" / row["file"])
            sample = Sample(pixels, row["text"], row["file"], False)
            found.setdefault(name, []).append(sample)
    for kind in ("sharp", "blurred"):
        for row in table(pairs / "vn2" / "texts.csv"):
            pixels = read_rgb(pairs / "vn2" / kind / row["file"])
            sample = Sample(pixels, row["text"], row["file"], True)
            found.setdefault(f"rendered vietnamese {kind}", []).append(sample)
    for row in table(data / "vietnam" / "plates.csv"):
        if row["text"]:
            pixels = read_rgb(data / "vietnam" / row["file"])
            group = f"{row['file']} {row['x']}"
            sample = Sample(
                cut(pixels, row, (0.02, 0.02)), row["text"], group, row["lines"] == "2"
            )
            found.setdefault("vietnamese sharp", []).append(sample)
    return found


def plain(text: str) -> str:
    """A-Z and 0-9 without marks, O as 0."""
    text = "".join(reader.UNMARKED.get(c, c) for c in text.upper())
    return "".join(c for c in text if c in reader.PLAIN_SIGNS).replace("O", "0")


# O and 0 as one, and the marked letters with theirs: what the comparison knows.
MERGED = "".join(c for c in reader.PLAIN_SIGNS if c != "O")


def merged(logits: np.ndarray, signs: str) -> np.ndarray:
    """Probabilities (T, 1 + 35) of blank and MERGED from logits (T, 1 + signs)."""
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    e /= e.sum(axis=1, keepdims=True)
    out = np.zeros((len(e), 1 + len(MERGED)))
    out[:, 0] = e[:, 0]
    for k, c in enumerate(signs):
        out[:, 1 + MERGED.index(plain(c))] += e[:, 1 + k]
    return out


def beam(probabilities: np.ndarray, width: int = 24) -> list[tuple[str, float]]:
    """The most likely texts under CTC with their probabilities (prefix beam search)."""
    beams = {(): (1.0, 0.0)}  # ends in blank, ends in its last sign
    for row in probabilities:
        likely = [k for k in np.argsort(row)[::-1][:8] if row[k] > 1e-5]
        new: dict[tuple, list[float]] = {}
        for prefix, (blank, sign) in beams.items():
            for k in likely:
                if k == 0:
                    new.setdefault(prefix, [0.0, 0.0])[0] += (blank + sign) * row[0]
                    continue
                longer = new.setdefault((*prefix, k), [0.0, 0.0])
                if prefix and prefix[-1] == k:
                    longer[1] += blank * row[k]
                    new.setdefault(prefix, [0.0, 0.0])[1] += sign * row[k]
                else:
                    longer[1] += (blank + sign) * row[k]
        best = sorted(new.items(), key=lambda item: -sum(item[1]))[:width]
        beams = {prefix: tuple(values) for prefix, values in best}
    texts = [
        ("".join(MERGED[k - 1] for k in prefix), sum(values))
        for prefix, values in beams.items()
    ]
    return sorted(texts, key=lambda item: -item[1])


def likelihoods(probabilities: np.ndarray, texts: np.ndarray) -> np.ndarray:
    """Probabilities (M,) of texts, classes (M, L), under CTC."""
    count, length = texts.shape
    states = np.zeros((count, 2 * length + 1), int)
    states[:, 1::2] = texts
    skip = np.zeros(states.shape, bool)
    skip[:, 2:] = (states[:, 2:] != 0) & (states[:, 2:] != states[:, :-2])
    alpha = np.zeros(states.shape)
    alpha[:, :2] = probabilities[0][states[:, :2]]
    for row in probabilities[1:]:
        more = alpha.copy()
        more[:, 1:] += alpha[:, :-1]
        more[:, 2:] += np.where(skip[:, 2:], alpha[:, :-2], 0.0)
        alpha = more * row[states]
    return alpha[:, -1] + (alpha[:, -2] if length else 0.0)


def positions(probabilities: np.ndarray, text: str) -> np.ndarray:
    """For each position, given the rest of the text, the chance of no sign and of each.

    Returns (len(text), 36), rows of sum 1.
    """
    classes = np.array([1 + MERGED.index(c) for c in text])
    out = np.zeros((len(text), 1 + len(MERGED)))
    for k in range(len(text)):
        others = np.repeat(classes[None], len(MERGED), axis=0)
        others[:, k] = np.arange(1, 1 + len(MERGED))
        out[k, 1:] = likelihoods(probabilities, others)
        out[k, 0] = likelihoods(probabilities, np.delete(classes, k)[None])[0]
    return out / out.sum(axis=1, keepdims=True)


def right_signs(read: str, text: str) -> np.ndarray:
    """Which signs of `read` are the same in `text`, by the best alignment."""
    cost = np.zeros((len(read) + 1, len(text) + 1), int)
    cost[:, 0], cost[0] = np.arange(len(read) + 1), np.arange(len(text) + 1)
    for i, a in enumerate(read, 1):
        for j, b in enumerate(text, 1):
            cost[i, j] = min(
                cost[i - 1, j - 1] + (a != b), cost[i - 1, j] + 1, cost[i, j - 1] + 1
            )
    right = np.zeros(len(read), bool)
    i, j = len(read), len(text)
    while i and j:
        if cost[i, j] == cost[i - 1, j - 1] + (read[i - 1] != text[j - 1]):
            right[i - 1] = read[i - 1] == text[j - 1]
            i, j = i - 1, j - 1
        elif cost[i, j] == cost[i - 1, j] + 1:
            i -= 1
        else:
            j -= 1
    return right


class Read(NamedTuple):
    text: str
    probability: float
    signs: np.ndarray  # (len(text), 36), empty for the OCR
    two_lines: float


def ocr(sample: Sample) -> Read:
    found = read_plate(sample.pixels)
    return Read(plain(found.text), found.confidence, np.zeros((0, 36)), 0.0)


def start_reader(path: Path) -> Callable[[Sample], Read]:
    """`reader_start.onnx` in its own geometry: one line, 48 x 240."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path))

    def read(sample: Sample) -> Read:
        picture = cv2.resize(sample.pixels, (240, 48), interpolation=cv2.INTER_AREA)
        picture = picture[..., ::-1].transpose(2, 0, 1)[None] / np.float32(127.5) - 1
        out = session.run(None, {"plates": np.ascontiguousarray(picture)})[0][0]
        rows = merged(np.log(out + 1e-9), reader.PLAIN_SIGNS)
        text, probability = beam(rows)[0]
        return Read(text, probability, positions(rows, text), 0.0)

    return read


def opened(path: Path) -> keras.Model:
    """A reader of a .keras file, or of the weights that a training kept."""
    if path.suffix != ".npz":
        return keras.models.load_model(path)
    model = reader.reader()
    stored = np.load(path)
    count = len(stored.files)
    model.set_weights([stored[f"w{k}"].astype(np.float32) for k in range(count)])
    return model


def fitted_temperature(path: Path, samples: list[Sample]) -> float:
    """What the logits are to be divided by so that the texts are most likely."""
    model = opened(path)
    views = np.array([reader.view(s.pixels, s.two_lines) for s in samples])
    logits = model.predict_on_batch(views)["signs"]
    classes = [[1 + MERGED.index(c) for c in plain(s.text)] for s in samples]

    def cost(temperature: float) -> float:
        rows = [merged(row / temperature, reader.SIGNS) for row in logits]
        likely = [
            likelihoods(row, np.array([text]))[0]
            for row, text in zip(rows, classes, strict=True)
        ]
        return -float(np.mean(np.log(np.array(likely) + 1e-30)))

    for temperature in np.arange(0.6, 2.6, 0.2):
        print(f"temperature {temperature:.1f}: {cost(temperature):.4f}")
    return float(min(np.arange(0.6, 2.6, 0.05), key=cost))


def keras_reader(
    path: Path, temperature: float, told: bool
) -> Callable[[Sample], Read]:
    """A trained reader; told: how many lines there are is known."""
    model = opened(path)

    def read(sample: Sample) -> Read:
        out = model.predict_on_batch(reader.view(sample.pixels)[None])
        lines = 1 / (1 + np.exp(-float(out["lines"][0, 0])))
        if sample.two_lines if told else lines > 0.5:
            out = model.predict_on_batch(reader.view(sample.pixels, True)[None])
        rows = merged(out["signs"][0] / temperature, reader.SIGNS)
        text, probability = beam(rows)[0]
        return Read(text, probability, positions(rows, text), lines)

    return read


def interval(values: np.ndarray, groups: list[str]) -> tuple[float, float]:
    """95 % of the means of 2000 draws of whole groups."""
    rng = np.random.default_rng(0)
    names = sorted(set(groups))
    index = np.array([names.index(g) for g in groups])
    sums = np.bincount(index, values, len(names))
    counts = np.bincount(index, minlength=len(names))
    drawn = rng.integers(len(names), size=(2000, len(names)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    return tuple(np.percentile(means, [2.5, 97.5]))


def chosen(read: Read) -> np.ndarray:
    """The probability of each sign of the text; empty for the OCR."""
    if not len(read.signs):
        return np.zeros(0)
    classes = [1 + MERGED.index(c) for c in read.text]
    return read.signs[np.arange(len(read.text)), classes]


def figures(reads: list[Read], samples: list[Sample]) -> list[str]:
    """The cells of a table's row, after the set's name, size and reader."""
    pairs = [(r.text, plain(s.text)) for r, s in zip(reads, samples, strict=True)]
    groups = [s.group for s in samples]
    cells = []
    for values in (
        np.array([float(read == text) for read, text in pairs]),
        np.array([character_error_rate(read, text) for read, text in pairs]),
    ):
        low, high = interval(values, groups)
        cells += [f"{values.mean():.3f}", f"{low:.2f}-{high:.2f}"]
    sure = calibration(reads, samples)
    cells += [f"{sure[key]:.3f}" if sure else "" for key in SURE]
    return [*cells, f"{np.mean([r.two_lines > 0.5 for r in reads]):.2f}"]


def calibration(reads: list[Read], samples: list[Sample]) -> dict[str, float]:
    """How far the signs' probabilities are to be believed.

    The expected calibration error in bins of equal count; of the signs given with 90 %
    or more the share that is wrong; of the right ones the share given so.
    """
    sure, right = [], []
    for read, sample in zip(reads, samples, strict=True):
        if len(read.signs):
            sure.append(chosen(read))
            right.append(right_signs(read.text, plain(sample.text)))
    if not sure:
        return {}
    p, good = np.concatenate(sure), np.concatenate(right)
    order = np.argsort(p)
    bins = np.array_split(order, BINS)
    error = sum(len(b) * abs(p[b].mean() - good[b].mean()) for b in bins) / len(p)
    high = p >= 0.9
    return {
        "ECE": float(error),
        "wrong at 90 %": float(1 - good[high].mean()) if high.any() else 0.0,
        "right given so": float(high[good].mean()) if good.any() else 0.0,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reader", nargs="*", default=[], help="NAME=FILE")
    parser.add_argument("--start", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--margin", type=float, default=0.12)
    parser.add_argument("--only", default="", help="sets whose name holds this")
    parser.add_argument("--no-ocr", action="store_true")
    parser.add_argument(
        "--fit", type=Path, help="a reader's file; nothing else is done"
    )
    options = parser.parse_args()
    known = sets(options.data, options.pairs, options.margin)
    if options.fit:
        odd = [s for name in known if " odd " in name for s in known[name]]
        print(f"{len(odd)} sightings: {fitted_temperature(options.fit, odd):.2f}")
        return
    options.output.mkdir(parents=True, exist_ok=True)
    readers: dict[str, Callable[[Sample], Read]] = (
        {} if options.no_ocr else {"ocr": ocr}
    )
    if options.start:
        readers["start"] = start_reader(options.start)
    for item in options.reader:
        name, file = item.split("=")
        readers[name] = keras_reader(Path(file), options.temperature, False)
        readers[f"{name}, lines known"] = keras_reader(
            Path(file), options.temperature, True
        )
    kept = {}
    columns = ("set", "n", "reader", "exact", "95 %", "CER", "95 %", *SURE, "two lines")
    print(f"| {' | '.join(columns)} |")
    print("| --- " * len(columns) + "|")
    for name, samples in known.items():
        if options.only not in name:
            continue
        for who, read_with in readers.items():
            if who.endswith("lines known") and not any(s.two_lines for s in samples):
                continue
            reads = [read_with(sample) for sample in samples]
            cells = [name, str(len(samples)), who, *figures(reads, samples)]
            print(f"| {' | '.join(cells)} |", flush=True)
            kept[f"{name} / {who}"] = [
                {
                    "text": plain(sample.text),
                    "read": read.text,
                    "probability": read.probability,
                    "lines": read.two_lines,
                    "group": sample.group,
                    "signs": chosen(read).tolist(),
                }
                for read, sample in zip(reads, samples, strict=True)
            ]
    (options.output / "readings.json").write_text(json.dumps(kept))


if __name__ == "__main__":
    main()
