"""Properties of texts from untrusted sources: hints files, requests to the server, answers of servers."""

import asyncio
import base64
import contextlib
import functools
import json
import pathlib
import socket
import tempfile
import threading
import urllib.parse

import numpy as np
import photo_bytes
import tiny_models
from hypothesis import strategies as some

from tf_colorize import hints
from tf_colorize.albums import hints_beside
from tf_colorize.inference import colorizer, serving
from tf_colorize.inference.serving import messages
from tf_colorize.photos import files
from tf_colorize.server import app
from trials.trial import Fault

_numbers = some.one_of(
    some.integers(), some.floats(), some.integers(-3, 300), some.sampled_from([10**400, -0.0, 1e308])
)
_words = some.one_of(
    some.text(max_size=12),
    some.sampled_from(
        ["25%", "100%", "-1%", "nan%", "#7a4b2c", "navy", "rgb(1,2,3)", "rgb(300,0,0)", "hsl(0,9%,50%)", "#fff8", "1e5"]
    ),
)
_values = some.one_of(some.none(), some.booleans(), _numbers, _words, some.lists(_numbers, max_size=4))
_trees = some.recursive(
    _values, lambda part: some.one_of(some.lists(part, max_size=3), some.dictionaries(_words, part))
)
_places = some.one_of(some.integers(0, 63), some.sampled_from(["0%", "50%", "100%", "99.9 %"]), _values)
_entries = some.one_of(
    some.fixed_dictionaries(
        {"x": _places, "y": _places, "color": some.one_of(_words, _values)},
        optional={"size": _values, "time": _values, "note": _trees},
    ),
    _trees,
)
_looks = some.one_of(some.dictionaries(some.sampled_from(["vividness", "warmth", "x"]), _values), _trees)
_GRAY = np.zeros((1, 32, 32, 1), np.float32)
_documents = some.one_of(
    some.fixed_dictionaries(
        {"version": some.one_of(some.just(1), _values), "hints": some.one_of(some.lists(_entries, max_size=5), _trees)},
        optional={
            "look": some.one_of(some.dictionaries(some.sampled_from(["vividness", "warmth", "x"]), _values), _trees)
        },
    ),
    _trees,
)


def _is_clear(line):
    return bool(line) and line.isprintable() and len(line) < 1000


def hints_file(document, damage, ascii_only):
    """Reads a hints file; returns how that ended."""
    data = bytearray(json.dumps(document, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass"))
    for place, value in damage:
        if data:
            data[place % len(data)] = value
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "a.hints.json")
        path.write_bytes(bytes(data))
        try:
            wishes = hints_beside.read(path)
        except ValueError as error:
            if not str(error).startswith(f"{path}: ") or not _is_clear(str(error)):
                raise Fault(f"not a clear line: {error!s}") from error
            return "refused"
        if not all(map(_is_clear, wishes.notes)):
            raise Fault(f"notes: {wishes.notes}")
        try:
            painted = hints.raster(wishes.hints, (64, 48), _GRAY)
        except ValueError as error:
            if not _is_clear(str(error)):
                raise Fault(f"not a clear line: {error!s}") from error
            return "outside the photo"
        if not np.isfinite(painted).all() or np.abs(painted).max() > 1:
            raise Fault("what is painted is out of range")
        hints.write(wishes.hints, path)
        again = hints.raster(hints.read(path), (64, 48), _GRAY)
        if np.abs(again - painted).max() > 1e-6:
            raise Fault("written and read again, they are others")
    return "read"


_damage = some.lists(some.tuples(some.integers(0, 1 << 16), some.integers(0, 255)), max_size=3)
hints_file.given = dict(document=_documents, damage=some.one_of(some.just([]), _damage), ascii_only=some.booleans())


@functools.cache
def _photo():
    return photo_bytes.encoded(photo_bytes.gray(9, 12), "PNG")


@functools.cache
def _application():
    colorize = colorizer.Colorizer.load(tiny_models.STORED, threads=1)
    limits = app.Limits(max_bytes=100_000, max_pixels=1_000_000)
    return app.Service(colorize, limits).application(), app.Service(colorize, limits, "a token").application()


def request(query, body, headers, has_token, path, method):
    """Sends a request to the server's application; returns how that ended."""
    kind, content = body
    if kind == "json":
        content = json.dumps(content).encode("utf-8", "surrogatepass")
    data = _photo() if kind == "photo" else content
    given = [(b"host", b"localhost:8000"), (b"content-type", b"application/json" if kind == "json" else b"image/png")]
    given += [(name, value) for name, value in headers if name not in (b"host", b"content-type")]
    status, answered, answer = asyncio.run(_asked(has_token, method, path, query, given, data))
    if status >= 500 or status < 200:
        raise Fault(f"status {status}: {answer[:300]!r}")
    if status != 200:
        reason = json.loads(answer)["error"]
        if not _is_clear(reason):
            raise Fault(f"not a clear line: {reason!r}")
        return f"status {status}"
    if path == "/colorize" and files.read(answer).image.size != (12, 9):
        raise Fault("the result has another size")
    return "status 200"


async def _asked(has_token, method, path, query, headers, body):
    text = urllib.parse.urlencode(query, errors="surrogatepass").encode()
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": text,
        "headers": headers,
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 1),
        "root_path": "",
    }
    waiting = [{"type": "http.request", "body": body, "more_body": False}]
    sent = []

    async def receive():
        return waiting.pop() if waiting else {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    await _application()[has_token](scope, receive, send)
    return sent[0]["status"], sent[0]["headers"], b"".join(message.get("body", b"") for message in sent[1:])


_json_bodies = some.one_of(
    some.dictionaries(some.sampled_from(["image", "hint", "hints", "format", "quality", "vividness", "x"]), _trees),
    some.builds(
        lambda more: {"image": base64.b64encode(_photo()).decode(), **more},
        some.dictionaries(some.sampled_from(["hint", "hints", "format", "quality", "warmth"]), _trees),
    ),
    _trees,
)
request.given = dict(
    query=some.lists(
        some.tuples(
            some.one_of(some.sampled_from(["hint", "hints", "format", "quality", "vividness", "warmth"]), some.text()),
            some.one_of(_words, some.sampled_from(["png", "jpg", "heic", "90", "1.5", "[[1,2,3]]"]), some.text()),
        ),
        max_size=4,
    ),
    body=some.one_of(
        some.tuples(some.just("photo"), some.none()),
        some.tuples(some.just("json"), _json_bodies),
        some.tuples(some.just("bytes"), some.binary(max_size=200)),
    ),
    headers=some.lists(
        some.tuples(some.sampled_from([b"authorization", b"content-length", b"accept"]), some.binary(max_size=30)),
        max_size=2,
    ),
    has_token=some.booleans(),
    path=some.sampled_from(["/colorize", "/colorize", "/colorize", "/health", "/openapi.json", "/", "/x"]),
    method=some.sampled_from(["POST", "POST", "GET", "PUT", "OPTIONS"]),
)


class _Server:
    """Answers every connection with the same bytes."""

    def __init__(self):
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port, self.answer = self._socket.getsockname()[1], b""
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            connection, _ = self._socket.accept()
            with connection, contextlib.suppress(OSError):
                connection.settimeout(1)
                connection.recv(1 << 16)
                connection.sendall(self.answer)


_server = functools.cache(_Server)


def answer(over_http, status, content, raw, changes):
    """Reads the answer of a server that should be TF Serving; returns how that ended."""
    if not over_http:
        return _message(changes)
    body = raw if raw is not None else json.dumps(content).encode("utf-8", "surrogatepass")
    head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    _server().answer = (raw or b"") if status == 0 else head + body
    with serving.Client(f"http://127.0.0.1:{_server().port}", timeout=2.0, retries=0) as client:
        try:
            client.predict_ab(np.zeros((1, 2, 2, 1), np.float32))
        except serving.ServingError as error:
            if not _is_clear(str(error)):
                raise Fault(f"not a clear line: {error!s}") from error
            return "refused"
    return "read"


def _message(changes):
    from google.protobuf import message

    whole = messages.message("PredictResponse")()
    tensor = messages._to_tensor(np.zeros((1, 2, 2, 2), np.float32))
    if len(changes) % 2:  # as values, of which the last one is repeated
        tensor.tensor_content = b""
        tensor.float_val.append(0.5)
    whole.outputs.add(key="ab", value=tensor)
    data = bytearray(whole.SerializeToString())
    for place, value in changes:
        data[place % len(data)] = value
    try:
        response = messages.message("PredictResponse").FromString(bytes(data))
        messages.predict_result(response)
    except (ValueError, message.DecodeError) as error:
        return "refused" if not isinstance(error, message.DecodeError) else "not a message"
    return "read"


answer.given = dict(
    over_http=some.booleans(),
    status=some.sampled_from([200, 200, 200, 503, 404, 500, 301, 204, 0]),
    content=some.one_of(
        _trees,
        some.fixed_dictionaries({"outputs": some.recursive(_values, lambda part: some.lists(part, max_size=3))}),
        some.fixed_dictionaries({"error": _trees}),
    ),
    raw=some.one_of(some.none(), some.none(), some.binary(max_size=80)),
    changes=some.lists(some.tuples(some.integers(0, 1 << 12), some.integers(0, 255)), max_size=4),
)
