"""Refuses requests that make Gradio fetch from other servers, or are not our page's."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

REFUSED = re.compile(
    r"/(file=\s*https?:|file/\s*https?:|proxy=|process_recording|(undo-)?vibe-)",
    re.IGNORECASE,
)
"""Addresses on other servers, which Gradio 6 fetches for anyone who asks; its screen
recordings; its editor of pages."""


class InsideOnly:
    """An ASGI middleware that answers such requests with 404."""

    def __init__(self, app: Application) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as ASGI has it."""
        if scope["type"] != "http" or not REFUSED.search(scope["path"]):
            await self.app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b""})
