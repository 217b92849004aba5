"""The server as an ASGI application: who may ask, how much at once, and the way of a request to its answer."""

from __future__ import annotations

import asyncio
import concurrent.futures
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
_OWN_NAMES = ("127.0.0.1", "localhost", "[::1]")
_PORT = re.compile(r":\d+$")


@dataclasses.dataclass(frozen=True)
class Limits:
    """How much the server takes on.

    Attributes:
        max_bytes: Of a request.
        max_pixels: Of a photo.
        at_once: Photos that are colored at a time, one thread each.
        waiting: Further requests that may wait; others are sent away with status 503.
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
    """Colors the photos of requests. Photos and results are only ever in memory.

    Args:
        colorizer: A `Colorizer` that may be called from several threads.
        limits: See `Limits`.
        token: What requests must carry in `Authorization: Bearer TOKEN`. None takes those without one, but only if
            they call the server by the name of the loopback device: a page in a browser could use another.
        fields: Of the `Look` of photos whose request does not name them.
    """

    def __init__(
        self, colorizer: Colorizer, limits: Limits, token: str | None = None, fields: Mapping[str, Any] | None = None
    ) -> None:
        self._limits, self._token, self._fields = limits, token, fields or {}
        self._pool = concurrent.futures.ThreadPoolExecutor(limits.at_once, thread_name_prefix="colorize")
        # Requests beyond these wait with their bodies still in the network, not in memory.
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
                raise _RefusedError(503, "too many requests wait; try again", retry_after="1")
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
            return responses.Response(status_code=400)  # nobody reads it
        except wishes.WishError as error:
            return _json({"error": str(error)}, 400)
        except Exception as error:  # one photo never ends the server
            _logger.exception("a photo could not be colored")
            return _json({"error": work.reason_of(error)}, 500)
        headers = {"Colorize-Notes": json.dumps(answer.notes)} if answer.notes else {}
        return responses.Response(answer.data, media_type=answer.media_type, headers={**_HEADERS, **headers})

    def _check(self, request):
        if self._token is None:
            host = _PORT.sub("", request.headers.get("host", ""))
            if host not in _OWN_NAMES:
                raise _RefusedError(403, f"the server is not called {host[:100]!r}; use {' or '.join(_OWN_NAMES)}")
            return
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode("utf-8", "replace"), self._token.encode()):
            raise _RefusedError(401, "the token is missing or wrong", www_authenticate="Bearer")

    async def _body(self, request):
        most = self._limits.max_bytes
        too_large = _RefusedError(413, f"the photo is too large: at most {most:,} bytes", connection="close")
        length = request.headers.get("content-length", "")
        if length.isdigit() and int(length) > most:
            raise too_large

        async def read():
            parts, size = [], 0
            async for part in request.stream():
                size += len(part)
                if size > most:
                    raise too_large
                parts.append(part)
            return b"".join(parts)

        try:
            return await asyncio.wait_for(read(), _PATIENCE)
        except asyncio.TimeoutError as error:
            raise _RefusedError(
                408, f"the photo did not arrive in {_PATIENCE:g} seconds", connection="close"
            ) from error

    def _work(self, request, body):
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type.startswith("multipart/"):
            raise wishes.WishError("send the photo's bytes alone as the body, not a form")
        query = request.query_params.multi_items()
        return self._answer(wishes.wish_of(body, query, self._fields, is_json=media_type == "application/json"))


_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def _json(value, status=200, headers=None):
    return responses.JSONResponse(value, status_code=status, headers={**_HEADERS, **(headers or {})})


async def _not_found(request, error):
    return _json({"error": "there is /colorize, /health and /openapi.json"}, 404)


async def _not_allowed(request, error):
    return _json({"error": f"{request.url.path} takes {error.headers['Allow']}"}, 405, error.headers)
