"""Restore pictures over REST, with Python's standard library alone.

    python examples/serving/rest_client.py blurred.jpg other.png --output restored

The pictures of one request may differ in size; results are PNG files.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any


def request_body(files: list[bytes]) -> bytes:
    """JPEG or PNG files -> the JSON of a predict request, in the row format."""
    instances = [
        {"image_bytes": {"b64": base64.b64encode(file).decode()}} for file in files
    ]
    body = {"signature_name": "serve_bytes", "instances": instances}
    return json.dumps(body).encode()


def restored_files(answer: dict[str, Any]) -> list[bytes]:
    """The JSON of the answer -> PNG files."""
    # A signature's only output comes without its name.
    return [base64.b64decode(each["b64"]) for each in answer["predictions"]]


def restore(files: list[bytes], url: str, timeout: float = 120) -> list[bytes]:
    """Restored PNG files. Raises RuntimeError with the message of a refusal."""
    request = urllib.request.Request(
        f"{url}:predict",
        data=request_body(files),
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return restored_files(json.load(answer))
    except urllib.error.HTTPError as error:
        message = error.read().decode(errors="replace")
        raise RuntimeError(f"{error.code}: {message}") from error


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", nargs="+", type=Path, help="JPEG or PNG files")
    parser.add_argument("--output", type=Path, required=True, help="a folder")
    parser.add_argument("--url", default="http://localhost:8501/v1/models/plates")
    given = parser.parse_args()
    targets = [given.output / path.with_suffix(".png").name for path in given.pictures]
    if len(set(targets)) < len(targets):
        sys.exit("error: two results would get one name; restore them one by one")
    try:
        given.output.mkdir(parents=True, exist_ok=True)
        restored = restore([path.read_bytes() for path in given.pictures], given.url)
        for target, file in zip(targets, restored, strict=True):
            target.write_bytes(file)
    except (OSError, RuntimeError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
