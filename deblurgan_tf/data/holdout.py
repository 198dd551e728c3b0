"""Which pictures are held out for validation: their names alone decide."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from deblurgan_tf.storage.names import composed


def hold_out(names: Iterable[str], count: int) -> set[str]:
    """The `count` names with the smallest hashes: the same on every machine.

    Where pictures are added or removed, nearly all of the others stay where they are.
    """
    return set(sorted(names, key=_hash)[:count])


def _hash(name: str) -> bytes:
    # A file's name may hold bytes that are not UTF-8.
    return hashlib.sha256(composed(name).encode(errors="surrogateescape")).digest()
