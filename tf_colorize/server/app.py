"""The server as an ASGI application: access control, limits, and the handling of requests."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import dataclasses
import hmac
import json
import logging
import re
from collections.abc import Mapping
from typing import Any

import tf_colorize
from tf_colorize import installation
from tf_colorize.albums import crowd, work
from tf_colorize.inference.colorizer import Colorizer
from tf_colorize.server import description, wishes

with installation.explained():
    from starlette import applications, requests, responses, routing

_logger = logging.getLogger(__name__)
_PATIENCE = 60.0  # seconds for a photo to arrive
_LINGERING = 5.0  # seconds for the rest of a rejected one
_OWN_NAMES = ("127.0.0.1", "localhost", "[::1]")
_PORT = re.compile(r":\d+$")


@dataclasses.dataclass(frozen=True)
class Limits:
    """The limits of the server.

    Attributes:
        max_bytes: Bytes of a request.
        max_pixels: Pixels of a photo.
        at_once: Number of photos colorized at a time, one thread each.
        waiting: Number of further requests that may wait; others get status 503.
    """

    max_bytes: int = 64 << 20
    max_pixels: int = 100_000_000
    at_once: int = 1
    waiting: int = 256


class _RefusedError(Exception):
    def __init__(self, status, reason, **headers):
        super().__init__(reason)
        self.status, self.headers = status, headers


class Service:
    """Colorizes the photos of requests. Photos and results stay in memory.

    Args:
        colorizer: A thread-safe `Colorizer`.
        limits: See `Limits`.
        token: The token that requests must send in `Authorization: Bearer TOKEN`. None accepts requests without one,
            but only if they use a host name of the loopback interface, because a web page could use another.
        fields: Of the `Look` of photos whose request does not name them.
    """

    def __init__(
        self, colorizer: Colorizer, limits: Limits, token: str | None = None, fields: Mapping[str, Any] | None = None
    ) -> None:
        self._limits, self._token, self._fields = limits, token, fields or {}
        self._pool = concurrent.futures.ThreadPoolExecutor(limits.at_once, thread_name_prefix="colorize")
        # Further requests wait without reading their bodies into memory.
        self._in_memory = asyncio.Semaphore(2 * limits.at_once)
        self._n_inside = 0
        guarded: Any = crowd.within_memory  # large photos wait for each other
        self._answer = guarded(lambda wish: wishes.answer(colorizer, wish, limits.max_pixels))

    def application(self) -> applications.Starlette:
        """Returns the application."""
        return applications.Starlette(
            routes=[
                routing.Route("/colorize", self._colorize, methods=["POST"]),
                routing.Route("/health", self._health),
                routing.Route("/openapi.json", self._openapi),
            ],
            exception_handlers={404: _not_found, 405: _not_allowed},
        )

    async def _health(self, request: requests.Request) -> responses.Response:
        return _json({"status": "ok", "version": tf_colorize.__version__})

    async def _openapi(self, request: requests.Request) -> responses.Response:
        return _json(description.openapi(self._fields, has_token=self._token is not None))

    async def _colorize(self, request: requests.Request) -> responses.Response:
        try:
            self._check(request)
            if self._n_inside >= self._limits.at_once + self._limits.waiting:
                raise _RefusedError(503, "too many requests are waiting; try again", retry_after="1")
            self._n_inside += 1
            try:
                async with self._in_memory:
                    body = await self._body(request)
                    answer = await asyncio.get_running_loop().run_in_executor(self._pool, self._work, request, body)
            finally:
                self._n_inside -= 1
        except _RefusedError as error:
            headers = {name.replace("_", "-"): value for name, value in error.headers.items()}
            return _json({"error": str(error)}, error.status, headers)
        except requests.ClientDisconnect:
            return responses.Response(status_code=400)  # the client is gone
        except wishes.WishError as error:
            return _json({"error": str(error)}, 400)
        except Exception as error:  # a photo never stops the server
            _logger.exception("a photo could not be colorized")
            return _json({"error": work.reason_of(error)}, 500)
        headers = {"Colorize-Notes": json.dumps(answer.notes)} if answer.notes else {}
        return responses.Response(answer.data, media_type=answer.media_type, headers={**_HEADERS, **headers})

    def _check(self, request):
        if self._token is None:
            host = _PORT.sub("", request.headers.get("host", ""))
            if host not in _OWN_NAMES:
                raise _RefusedError(403, f"the host name {host[:100]!r} is not allowed; use {' or '.join(_OWN_NAMES)}")
            return
        scheme, _, given = request.headers.get("authorization", "").strip().partition(" ")
        given = given.strip() if scheme.lower() == "bearer" else ""  # RFC 9110: any letter case, one or more spaces
        if not hmac.compare_digest(given.encode("utf-8", "replace"), self._token.encode()):
            raise _RefusedError(401, "the token is missing or wrong", www_authenticate="Bearer")

    async def _body(self, request):
        most = self._limits.max_bytes
        too_large = _RefusedError(413, f"the photo is too large: at most {most:,} bytes", connection="close")
        stream = request.stream()
        length = request.headers.get("content-length", "")
        if length.isdigit() and int(length) > most:
            if request.headers.get("expect", "").lower() != "100-continue":  # else it waits before sending
                await _discard(stream)
            raise too_large

        async def read():
            parts, size = [], 0
            async for part in stream:
                size += len(part)
                if size > most:
                    await _discard(stream)
                    raise too_large
                parts.append(part)
            return b"".join(parts)

        try:
            return await asyncio.wait_for(read(), _PATIENCE)
        except asyncio.TimeoutError as error:
            raise _RefusedError(
                408, f"the photo did not arrive within {_PATIENCE:g} seconds", connection="close"
            ) from error

    def _work(self, request, body):
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type.startswith("multipart/"):
            raise wishes.WishError("send only the bytes of the photo as the body, not a form")
        query = request.query_params.multi_items()
        return self._answer(wishes.wish_of(body, query, self._fields, is_json=media_type == "application/json"))


async def _discard(stream):
    """Reads on for a while: who is still sending when the connection closes gets an error instead of the answer."""

    async def read():
        async for _ in stream:
            pass

    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(read(), _LINGERING)


_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def _json(value, status=200, headers=None):
    return responses.JSONResponse(value, status_code=status, headers={**_HEADERS, **(headers or {})})


async def _not_found(request, error):
    return _json({"error": "only /colorize, /health and /openapi.json exist"}, 404)


async def _not_allowed(request, error):
    return _json({"error": f"{request.url.path} accepts only {error.headers['Allow']}"}, 405, error.headers)
