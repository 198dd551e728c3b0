"""Refuses what Gradio's server would fetch from elsewhere, or do beside our page."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

REFUSED = re.compile(
    r"/(file=\s*https?:|file/\s*https?:|proxy=|process_recording|(undo-)?vibe-)",
    re.IGNORECASE,
)
"""Addresses on other servers, which Gradio 6 fetches for whoever asks; its screen
recordings; and its editor of pages."""


class InsideOnly:
    """An ASGI middleware that answers such requests with 404."""

    def __init__(self, app: Application):
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not REFUSED.search(scope["path"]):
            await self.app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b""})
