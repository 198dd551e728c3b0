"""Folders and object stores behind one class: a place, and the files in it."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
from pyarrow import fs as pafs

from deblurgan_tf.errors import DataError, first_line
from deblurgan_tf.storage.atomic import make_folder, move_into_place

ARROW_SCHEMES = frozenset(
    ("file", "s3", "gs", "gcs", "hdfs", "viewfs", "abfs", "abfss")
)
"""What pyarrow opens itself; fsspec is asked for the others."""
WHOLE_PUTS = frozenset(("s3", "gcs", "abfs", "memory"))
"""Stores where a file appears when it is complete; elsewhere it is renamed."""
WORK = ".work"
"""A folder of OUTPUT that exists during a run: files are written in it before they are
renamed, and batches leave a mark in it when they are begun."""
T = TypeVar("T")


@dataclass(frozen=True)
class Place:
    """A folder, or a prefix of a store: `uri` as the user wrote it."""

    uri: str
    files: pafs.FileSystem
    path: str

    @property
    def kind(self) -> str:
        """Local, s3, gcs, abfs, hdfs, memory, ...: the same for every library."""
        name = self.files.type_name
        if isinstance(self.files, pafs.PyFileSystem):
            protocol = self.files.handler.fs.protocol
            name = protocol if isinstance(protocol, str) else protocol[0]
        return {"file": "local", "gs": "gcs"}.get(name, name)

    def at(self, name: str) -> str:
        """The full path of a file in it."""
        return f"{self.path}/{name}"

    def spell(self, path: str) -> str:
        """A full path of this store for messages, without keys and options of a URI."""
        scheme, colon, _ = self.uri.partition("://")
        if colon:
            return f"{scheme}://{path}"
        return self.uri.rstrip("/") + path.removeprefix(self.path)

    @property
    def name(self) -> str:
        """The place itself, for a message."""
        return self.spell(self.path) or "/"

    def is_file(self) -> bool:
        """Whether the place itself is a file. Raises DataError, as all that read do."""
        return self._tried(self.files.get_file_info, self.path).is_file

    def is_there(self) -> bool:
        """Whether there is a file or a folder."""
        found = self._tried(self.files.get_file_info, self.path)
        return found.type != pafs.FileType.NotFound

    def holds(self, name: str) -> bool:
        """Whether there is a file of that name in it."""
        return self._tried(self.files.get_file_info, self.at(name)).is_file

    def find(self, folder: str = "", recursive: bool = True) -> list[pafs.FileInfo]:
        """The files and folders below it, unsorted; none where it does not exist."""
        selector = pafs.FileSelector(
            self.at(folder) if folder else self.path,
            allow_not_found=True,
            recursive=recursive,
        )
        return self._tried(self.files.get_file_info, selector)

    def read(self, name: str) -> bytes:
        """The contents of a file. Raises DataError where it cannot be read."""
        return self._tried(self._contents, self.at(name))

    def read_if_there(self, name: str) -> bytes | None:
        """The contents of a file, or None where there is none of that name.

        Raises DataError where the store does not answer.
        """
        try:
            return self._contents(self.at(name))
        except FileNotFoundError:
            return None
        except (OSError, pa.ArrowException) as error:
            raise self._unreadable(error) from error

    def _contents(self, path: str) -> bytes:
        with self.files.open_input_stream(path) as stream:
            return stream.read()

    def write(self, name: str, data: bytes) -> None:
        """Writes a file whole or not at all, and replaces one of that name.

        Raises OSError where the store refuses.
        """
        target = self.at(name)
        if self.kind in WHOLE_PUTS:
            self._put(target, data)
            return
        # In WORK, which a run empties: a killed process leaves half a file only there.
        # A random name, because two attempts may write the same file.
        partial = self.at(f"{WORK}/{secrets.token_hex(8)}")
        self._make_folder_of(partial)
        self._make_folder_of(target)
        try:
            self._put(partial, data)
            if self.kind == "local":
                move_into_place(Path(partial), Path(target))
            else:
                self.files.move(partial, target)
        except BaseException:
            if self.files.get_file_info(partial).is_file:
                self.files.delete_file(partial)
            raise

    def overwrite(self, name: str, data: bytes) -> None:
        """Writes a file in its place: readers may see half of it in some stores.

        Raises OSError where the store refuses.
        """
        self._make_folder_of(self.at(name))
        self._put(self.at(name), data)

    def _make_folder_of(self, path: str) -> None:
        if self.kind == "local":
            make_folder(Path(path).parent)
        elif self.kind not in WHOLE_PUTS:
            self.files.create_dir(os.path.dirname(path), recursive=True)

    def _put(self, path: str, data: bytes) -> None:
        with self.files.open_output_stream(path, compression=None) as stream:
            stream.write(data)

    def delete(self, name: str) -> None:
        """Removes a file. Raises DataError where that fails."""
        self._tried(self.files.delete_file, self.at(name))

    def sweep(self) -> None:
        """Removes WORK, with what processes left in it that were killed."""
        folder = self.at(WORK)
        if self.files.get_file_info(folder).type == pafs.FileType.Directory:
            self._tried(self.files.delete_dir, folder)

    def _tried(self, work: Callable[..., T], *arguments: Any) -> T:
        try:
            return work(*arguments)
        except (OSError, pa.ArrowException) as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> DataError:
        return DataError(
            f"{self.name}: cannot be read ({first_line(error)}); check the name, "
            "the rights and the network"
        )


@lru_cache(maxsize=64)
def open_place(uri: str) -> Place:
    """The place of a path of this machine, or of a URI that pyarrow or fsspec open.

    Raises DataError for a URI that neither opens, or a store that is not reached.
    """
    scheme, colon, _ = uri.partition("://")
    if not colon:
        return Place(uri, pafs.LocalFileSystem(), os.path.abspath(uri))
    try:
        if scheme in ARROW_SCHEMES:
            files, path = pafs.FileSystem.from_uri(_in_one_request(uri))
        else:
            import fsspec

            backend, path = fsspec.core.url_to_fs(uri)
            files = pafs.PyFileSystem(pafs.FSSpecHandler(backend))
    # fsspec names the package that a scheme needs in an ImportError.
    except (OSError, ValueError, ImportError) as error:
        raise DataError(
            f"{_shown(uri)}: cannot be opened ({first_line(error)}); give a folder, or "
            "a URI like s3://bucket/folder that pyarrow or an installed fsspec package "
            "opens"
        ) from error
    return Place(uri, files, path.rstrip("/"))


def check_apart(inputs: list[Place], output: Place) -> None:
    """Raises DataError where OUTPUT is an input, or lies inside one."""
    for place in inputs:
        if place.kind != output.kind:
            continue
        within, outer = (_comparable(x) for x in (output, place))
        if within == outer:
            raise DataError(f"{output.name} is INPUT and OUTPUT; name another OUTPUT")
        if within.startswith(f"{outer}/"):
            raise DataError(
                f"{output.name} lies inside INPUT {place.name}, whose next listing "
                "would find the results; name an OUTPUT outside"
            )


def _comparable(place: Place) -> str:
    return os.path.realpath(place.path) if place.kind == "local" else place.path


def _in_one_request(uri: str) -> str:
    """Makes pyarrow write a small file to S3 in one request instead of three."""
    if not uri.startswith("s3://") or "allow_delayed_open" in uri:
        return uri
    return f"{uri}{'&' if '?' in uri else '?'}allow_delayed_open=true"


def _shown(uri: str) -> str:
    """A URI without the keys and options that it may hold."""
    return re.sub("//[^/@]*@", "//", uri.partition("?")[0])
