"""Measures models on what no one trains on: `judge.py PAIRS DATA OUT MODEL...`.

PAIRS holds us40, eu and bsds20 (`prepare blur`, see the README); DATA holds gopro
(blur_NN.png, sharp_NN.png), dashcam (plates.csv, surroundings) and plates (two pictures
to look at). MODEL is NAME=FILE.keras, or a shipped model's name. OUT/NAME.json is
written model by model; `judge.py --table OUT` prints them side by side.
"""

from __future__ import annotations

import csv
import json
import sys
import time
from pathlib import Path

import cv2
import numpy as np

MARGIN = 0.12  # of a plate's width and height, around what is read


def rgb(path: Path) -> np.ndarray:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        sys.exit(f"{path}: cannot be read")
    return np.ascontiguousarray(picture[..., ::-1])


def plain(text: str) -> str:
    return text.upper().replace("O", "0")


def rows_of(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def pairs(restorer, folder: Path) -> dict:
    """Blurred pictures against sharp ones, and what sharp ones lose."""
    from deblurgan_tf.metrics.pixels import psnr, ssim
    from deblurgan_tf.metrics.texts import character_error_rate, exact_match
    from deblurgan_tf.plates.detection import read_plate

    texts = {}
    if (folder / "texts.csv").exists():
        texts = {row["file"]: row["text"] for row in rows_of(folder / "texts.csv")}
    lines = []
    for file in sorted((folder / "sharp").glob("*.png")):
        sharp, blurred = rgb(file), rgb(folder / "blurred" / file.name)
        after = blurred if restorer is None else restorer.restore(blurred)
        kept = sharp if restorer is None else restorer.restore(sharp)
        change = np.abs(kept.astype(float) - sharp).mean()
        line = {
            "psnr": psnr(after, sharp),
            "ssim": ssim(after, sharp),
            "sharp_change": float(change),
            "sharp_psnr": 99.0 if change == 0 else float(psnr(kept, sharp)),
        }
        if file.name in texts:
            true = plain(texts[file.name])
            for name, picture in (("", after), ("sharp_", kept)):
                read = plain(read_plate(picture).text)
                line[f"{name}exact"] = exact_match(read, true)
                line[f"{name}cer"] = character_error_rate(read, true)
        lines.append(line)
    result = {
        key: round(float(np.mean([x[key] for x in lines])), 4) for key in lines[0]
    }
    result["sharp_psnr_lowest"] = round(min(x["sharp_psnr"] for x in lines), 2)
    moved = [x["sharp_change"] > 2 for x in lines]
    result["sharp_changed_by_2"] = round(float(np.mean(moved)), 3)
    return result


def gopro(restorer, folder: Path) -> dict:
    from deblurgan_tf.metrics.pixels import psnr, ssim

    scores = []
    for file in sorted(folder.glob("sharp_*.png")):
        blurred = rgb(folder / file.name.replace("sharp", "blur"))
        after = blurred if restorer is None else restorer.restore(blurred)
        scores.append((psnr(after, rgb(file)), ssim(after, rgb(file))))
    means = np.mean(scores, 0)
    return {"psnr": round(float(means[0]), 3), "ssim": round(float(means[1]), 4)}


def dashcam(restorer, folder: Path, before: dict | None) -> dict:
    """Really blurred and sharp plates, as `predict --plates` restores a given box."""
    from deblurgan_tf.metrics.texts import character_error_rate
    from deblurgan_tf.plates.boxes import Box, grow
    from deblurgan_tf.plates.detection import read_plate
    from deblurgan_tf.restoring.plates import restore_plates

    found = {}
    for row in rows_of(folder / "plates.csv"):
        odd = int(row["group"][1:]) % 2
        kind = "sharp" if row["class"] == "sharp" else "blurred"
        if odd and kind == "sharp":
            continue  # not reported, and it takes time
        pixels = rgb(folder / "surroundings" / row["file"])
        place = Box(*(round(float(row[x])) for x in "xywh"))
        box = grow(
            place, MARGIN * place.width, MARGIN * place.height, *pixels.shape[:2]
        )
        crop = box.cut(pixels)
        if restorer is not None:
            whole = restore_plates(restorer, pixels, [box])
            crop = box.cut(whole.pixels)
        change = np.abs(crop.astype(float) - box.cut(pixels)).mean()
        read, true = plain(read_plate(crop).text), plain(row["text"])
        part = f"{'odd' if odd else 'even'} {kind}"
        key = f"{row['file']} {row['x']} {row['y']}"
        cer = character_error_rate(read, true)
        found.setdefault(part, {})[key] = (
            float(read == true), cer, float(change), row["group"]
        )  # fmt: skip
    result: dict = {}
    for part, sightings in found.items():
        values = np.array([x[:3] for x in sightings.values()], float)
        result[part] = {
            "count": len(values),
            "exact": round(float(values[:, 0].mean()), 4),
            "cer": round(float(values[:, 1].mean()), 4),
            "changed_by_2": round(float((values[:, 2] > 2).mean()), 3),
            "mean_change": round(float(values[:, 2].mean()), 2),
        }
        if before is not None:
            was = before["sightings"][part]
            mended = [k for k in sightings if sightings[k][0] > was[k][0]]
            broken = [k for k in sightings if sightings[k][0] < was[k][0]]
            result[part] |= {"mended": len(mended), "broken": len(broken)}
            result[part]["cer_interval"] = interval(sightings, was)
    result["sightings"] = found
    return result


def interval(after: dict, before: dict) -> list[float]:
    """95 % of the change of the CER, by bootstrap over the physical plates."""
    groups: dict[str, list[float]] = {}
    for key, value in after.items():
        groups.setdefault(value[3], []).append(value[1] - before[key][1])
    sums = np.array([(sum(x), len(x)) for x in groups.values()])
    rng = np.random.default_rng(0)
    drawn = sums[rng.integers(len(sums), size=(2000, len(sums)))].sum(1)
    return [
        round(float(x), 3)
        for x in np.quantile(drawn[:, 0] / drawn[:, 1], (0.025, 0.975))
    ]


def judge(name: str, model, pairs_folder: Path, data: Path, out: Path) -> None:
    begun = time.time()
    before = None
    if model is not None:
        before = json.loads((out / "blurred.json").read_text())["dashcam"]
    result = {"model": name}
    for part in ("us40", "eu", "bsds20"):
        result[part] = pairs(model, pairs_folder / part)
        print(name, part, result[part], flush=True)
    result["gopro"] = gopro(model, data / "gopro")
    print(name, "gopro", result["gopro"], flush=True)
    result["dashcam"] = dashcam(model, data / "dashcam", before)
    if model is not None:
        for file in ("text_motion.jpg", "licenseplate_motion.jpg"):
            restored = model.restore(rgb(data / "plates" / file))
            target = out / f"{name}-{Path(file).stem}.png"
            cv2.imwrite(str(target), restored[..., ::-1])
    result["seconds"] = round(time.time() - begun)
    (out / f"{name}.json").write_text(json.dumps(result, indent=1))
    for part, values in result["dashcam"].items():
        if part != "sightings":
            print(name, part, values, flush=True)


def table(out: Path) -> None:
    files = sorted(out.glob("*.json"), key=lambda file: file.stat().st_mtime)
    results = [json.loads(file.read_text()) for file in files]
    print("| | " + " | ".join(x["model"] for x in results) + " |")
    print("|" + " --- |" * (len(results) + 1))
    for part in ("us40", "eu", "bsds20", "gopro"):
        for key in results[0][part]:
            cells = [str(x[part].get(key, "")) for x in results]
            print(f"| {part} {key} | " + " | ".join(cells) + " |")
    for part in ("even blurred", "odd blurred", "even sharp"):
        for key in results[-1]["dashcam"][part]:
            cells = [str(x["dashcam"][part].get(key, "")) for x in results]
            print(f"| {part} {key} | " + " | ".join(cells) + " |")


def main() -> None:
    if sys.argv[1] == "--table":
        table(Path(sys.argv[2]))
        return
    import deblurgan_tf

    pairs_folder, data, out = (Path(x) for x in sys.argv[1:4])
    out.mkdir(parents=True, exist_ok=True)
    if not (out / "blurred.json").exists():
        judge("blurred", None, pairs_folder, data, out)
    for argument in sys.argv[4:]:
        name, _, file = argument.partition("=")
        judge(name, deblurgan_tf.load(file or name), pairs_folder, data, out)


if __name__ == "__main__":
    main()
