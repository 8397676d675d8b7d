"""Applies to every request: a limit on its body, and headers on the answer."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ttt_rllib.play.web.schemas import ErrorReply

__all__ = ["MAX_BODY_BYTES", "BodyLimitMiddleware"]

MAX_BODY_BYTES = 16_384
"""A game of 64 moves takes 300."""

HEADERS = {
    # The page loads only its own files and talks only to its own server.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class BodyLimitMiddleware:
    """ASGI middleware: refuses long bodies with 413, and adds the headers.

    Args:
        app: The application to guard.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        body = await _read(receive)
        if body is None:
            await _too_long()(scope, receive, send_with_headers)
            return
        messages = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive_read() -> Message:
            return messages.pop() if messages else await receive()

        await self._app(scope, receive_read, send_with_headers)


async def _read(receive: Receive) -> bytes | None:
    """Return the body; None if it is too long, in which case reading stops at the limit."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > MAX_BODY_BYTES:
            return None
    return body


def _too_long() -> Response:
    sentence = f"the body is longer than {MAX_BODY_BYTES} bytes; a game has at most 64 moves"
    reply = ErrorReply(detail=sentence).model_dump_json()
    return Response(reply, 413, headers={"Connection": "close"}, media_type="application/json")
