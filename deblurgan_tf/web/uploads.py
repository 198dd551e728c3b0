"""Gives every upload a place of its own, also where its contents are known already.

Gradio names the folder of an upload by its contents: equal files of two visitors have
one path, and the visitor who comes first would take the other's file away.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from contextlib import suppress
from pathlib import Path

from deblurgan_tf.web.inside import Application, Message, Receive, Scope, Send

ENDING = "/upload"
"""How the address ends that takes uploads; it answers with a list of paths, as JSON."""


class OwnUploads:
    """An ASGI middleware that moves each upload to a path that no other one has.

    Between the end of one upload and its move no other upload ends, so that nothing is
    written over it. Nobody waits for a slow connection: files arrive side by side.
    """

    def __init__(self, app: Application) -> None:
        self.app = app
        self._ending = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as ASGI has it."""
        taken = scope["type"] == "http" and scope["method"] == "POST"
        if not taken or not scope["path"].endswith(ENDING):
            await self.app(scope, receive, send)
            return
        upload = _Upload(self._ending, receive, send)
        try:
            await self.app(scope, upload.receive, upload.send)
        finally:
            upload.release()


class _Upload:
    """One upload: holds the lock from its last byte until its files are moved."""

    def __init__(self, lock: asyncio.Lock, receive: Receive, send: Send) -> None:
        self._lock, self._receive, self._send = lock, receive, send
        self._holds = False
        self._start: Message | None = None
        self._body = b""

    def release(self) -> None:
        """Lets the next upload end."""
        if self._holds:
            self._holds = False
            self._lock.release()

    async def receive(self) -> Message:
        """The next part of the request."""
        message = await self._receive()
        last = message["type"] == "http.request" and not message.get("more_body")
        if last and not self._holds:
            await self._lock.acquire()
            self._holds = True
        return message

    async def send(self, message: Message) -> None:
        """A part of the answer; it is passed on whole, with the new paths."""
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._body += message.get("body", b"")
        if message.get("more_body"):
            return
        assert self._start is not None  # ASGI: it comes before the body
        body = self._body
        if self._start["status"] == 200:
            body = json.dumps([_moved(path) for path in json.loads(body)]).encode()
        self.release()
        kept = [
            (name, value)
            for name, value in self._start["headers"]
            if name.lower() != b"content-length"
        ]
        length = (b"content-length", str(len(body)).encode())
        await self._send({**self._start, "headers": [*kept, length]})
        await self._send({"type": "http.response.body", "body": body})


def _moved(path: str) -> str:
    """Moves a file from ROOT/CONTENTS/NAME to ROOT/RANDOM/NAME."""
    old = Path(path)
    place = old.parent.with_name(secrets.token_hex(16))
    place.mkdir()
    old.replace(place / old.name)
    with suppress(OSError):  # another name of the same contents lies there
        old.parent.rmdir()
    return os.fspath(place / old.name)
