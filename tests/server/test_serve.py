"""`tf-colorize serve` as programs use it: real servers on the loopback device."""

import base64
import http.client
import io
import json
import os
import pathlib
import socket
import sys
import threading
import time

import own_server
import pytest
import tiny_models
from PIL import Image

import tf_colorize
from tf_colorize.commands import main

for package in ("starlette", "uvicorn"):
    pytest.importorskip(package)


def jpeg(size=(60, 40), **options):
    data = io.BytesIO()
    Image.linear_gradient("L").resize(size).save(data, "JPEG", **options)
    return data.getvalue()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_models.write_tflite(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def server(model):
    running = own_server.Running("--model", model, "--max-megabytes", 1, "--max-pixels", 1_000_000)
    yield running
    said, complaints = running.stop()
    assert (running.process.returncode, said, complaints) == (0, "", "")


def local(tmp_path, model, data, *options):
    """The result of the command for files with the same bytes."""
    (tmp_path / "a.jpg").write_bytes(data)
    out = tmp_path / "out"
    assert main.main([str(tmp_path / "a.jpg"), "-o", f"{out}/", "--model", str(model), *options]) == 0
    (result,) = out.iterdir()
    return result.read_bytes()


@pytest.mark.parametrize(
    "query, options",
    [
        ("", []),
        ("?vividness=1.4&warmth=-0.5&quality=60", ["--vividness", "1.4", "--warmth", "-0.5", "--quality", "60"]),
        ("?format=png", ["--format", "png"]),
        ("?format=JPG", ["--format", "jpg"]),
    ],
)
def test_the_answer_equals_the_result_of_the_command(server, model, tmp_path, query, options):
    data = jpeg(comment=b"Reel 5")
    status, headers, body = server.ask(f"/colorize{query}", data)
    assert status == 200 and body == local(tmp_path, model, data, *options)
    assert headers["Content-Type"] == ("image/png" if "png" in query else "image/jpeg")
    assert headers["Cache-Control"] == "no-store" and "Server" not in headers


def test_options_as_json(server):
    data = jpeg()
    wish = {"image": base64.b64encode(data).decode(), "vividness": 1.4, "quality": 60, "format": "webp"}
    status, headers, body = server.ask("/colorize", json.dumps(wish), Content_Type="application/json; charset=utf-8")
    assert (status, headers["Content-Type"]) == (200, "image/webp")
    assert body == server.ask("/colorize?vividness=1.4&quality=60&format=webp", data)[2]


def test_hints_color_a_place(model):
    shipped = pathlib.Path(tf_colorize.__file__).parents[1] / "saved_models" / "colorizer.tflite"
    running, data = own_server.Running("--model", shipped, "--jobs", 1), jpeg((160, 120))
    expected = tf_colorize.Colorizer.load(shipped, threads=1)(data, hints=[(40, 60, "#2040c0")])
    image = base64.b64encode(data).decode()
    try:
        bodies = [running.ask("/colorize?format=png&hint=40,60=%232040c0", data)]
        bodies += [running.ask("/colorize?format=png&hints=[[40,60,%22%232040c0%22]]", data)]
        for hint in ([40, 60, "#2040c0"], "40,60=#2040c0", {"x": 40, "y": 60, "color": "#2040c0"}):
            wish = json.dumps({"image": image, "format": "png", "hints": [hint]})
            bodies.append(running.ask("/colorize", wish, Content_Type="application/json"))
        assert {status for status, _, _ in bodies} == {200} and len({body for _, _, body in bodies}) == 1
        assert Image.open(io.BytesIO(bodies[0][2])).tobytes() == expected.tobytes()
    finally:
        running.stop()


@pytest.mark.parametrize(
    "query, reason",
    [
        ("vividness=3", "vividness: must be a number, 0 to 2, not 3"),
        ("vividness=nan", "vividness: must be a number, 0 to 2, not nan"),
        ("quality=0", "quality: must be a number, 1 to 100, not 0"),
        ("quality=1.5", "quality: must be a whole number, not 1.5"),
        ("format=exe", "format: must be one of jpg, jpeg, "),
        ("format=../../x", "format: must be one of"),
        (
            "vivid=1",
            "vivid: no such option; the options are vividness, warmth, hint, hints, reference, format, quality",
        ),
        ("warmth=0&warmth=1", "warmth: given twice"),
        ("hint=1", "hints: hint '1': must be like 120,340=#7a4b2c"),
        ("hints={", "hints: not valid JSON"),
        ("hints=5", "hints: must be a list"),
        ("hints=[[1,2,%22blue%22]]", "hints: the model takes none"),
    ],
)
def test_a_wrong_option_is_reported_in_one_line(server, query, reason):
    status, error = server.error(f"/colorize?{query}", jpeg())
    assert status == 400 and error.startswith(reason) and len(error.splitlines()) == 1


@pytest.mark.parametrize(
    "body, reason",
    [
        ({}, 'the body must be an object with the photo in "image"'),
        ([], "the body must be an object"),
        ({"image": "?"}, "image: not valid base64"),
        ({"image": ""}, "the photo is missing"),
        ({"image": "eA==", "vividness": True}, "vividness: must be a number"),
        ({"image": "eA==", "vividness": {}}, "vividness: must be a number"),
        ({"image": "eA==", "hints": [{"x": 1}]}, 'hints: each must have "x", "y" and "color"'),
        ({"image": "eA==", "hints": [[1, 2, "blue", 10**400]]}, "hints: "),
        ({"image": "eA==", "hints": [7]}, "hints: hint 7: must be (x, y, color)"),
        ({"image": "eA==", "path": "/etc/passwd"}, "path: no such option"),
        ({"image": "eA=="}, "not a picture in a readable format"),
    ],
)
def test_wrong_json_is_reported_in_one_line(server, body, reason):
    status, error = server.error("/colorize", json.dumps(body), Content_Type="application/json")
    assert status == 400 and error.startswith(reason) and len(error.splitlines()) == 1


def test_invalid_and_too_large_photos_are_rejected(server):
    assert server.error("/colorize", b"") == (400, "the photo is missing: the body is empty")
    assert server.error("/colorize", b"hello") == (400, "not a picture in a readable format")
    assert server.error("/colorize", jpeg((2000, 1000)))[0] == 400
    assert server.error("/colorize", bytes(1_048_577)) == (413, "the photo is too large: at most 1,048,576 bytes")
    chunks = (bytes(1 << 16) for _ in range(17))  # its length is not said before
    assert server.error("/colorize", chunks)[0] == 413
    assert server.error("/colorize", b"--x", Content_Type="multipart/form-data; boundary=x")[0] == 400
    assert server.error("/", b"")[0] == 404
    status, headers, _ = server.ask("/colorize")
    assert status == 405 and headers["Allow"] == "POST"
    assert server.ask("/colorize", jpeg())[0] == 200  # and goes on


def test_who_is_still_sending_a_rejected_photo_gets_the_answer(server):
    def body():
        for _ in range(24):
            time.sleep(0.02)  # so the server answers before all of it is sent
            yield bytes(1 << 16)

    error = (413, "the photo is too large: at most 1,048,576 bytes")
    assert server.error("/colorize", body(), Content_Length=str(24 << 16)) == error
    assert server.error("/colorize", body()) == error  # in chunks


def test_health_and_description(server):
    status, _, body = server.ask("/health")
    assert status == 200 and json.loads(body) == {"status": "ok", "version": tf_colorize.__version__}
    description = json.loads(server.ask("/openapi.json")[2])
    pytest.importorskip("openapi_spec_validator").validate(description)
    asked = {parameter["name"] for parameter in description["paths"]["/colorize"]["post"]["parameters"]}
    assert asked == {"vividness", "warmth", "hint", "format", "quality"}


def test_a_page_that_calls_the_server_by_another_name_is_refused(server):
    assert server.error("/colorize", jpeg(), Host="evil.example.org")[0] == 403
    assert server.ask("/colorize", jpeg(), Host=f"localhost:{server.port}")[0] == 200


def listeners(pid):
    """The addresses where a process listens, from /proc."""
    inodes = {os.readlink(path) for path in pathlib.Path(f"/proc/{pid}/fd").glob("*") if path.is_symlink()}
    lines = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {fields[1].partition(":")[0] for fields in lines if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_it_listens_on_this_machine_only_or_requires_a_token(server, model):
    assert listeners(server.process.pid) == {"0100007F"} and len(server.lines) == 1
    for environment in ({}, {"TF_COLORIZE_TOKEN": "secret words"}):
        running = own_server.Running("--model", model, "--host", "0.0.0.0", **environment)
        try:
            assert listeners(running.process.pid) == {"00000000"}
            token = environment.get("TF_COLORIZE_TOKEN") or running.lines[0].split()[1]
            assert len(running.lines) == 2 - len(environment) and len(token) >= 12
            for wrong in (
                {},
                {"Authorization": "Bearer x"},
                {"Authorization": "Bearer "},
                {"Authorization": f"Basic {token}"},
                {"Authorization": token},
            ):
                status, headers, _ = running.ask("/colorize", jpeg(), **wrong)
                assert status == 401 and headers["WWW-Authenticate"] == "Bearer"
            for scheme in ("Bearer ", "bearer ", "BEARER   "):
                assert running.ask("/colorize", jpeg(), Authorization=scheme + token, Host="any.name")[0] == 200
            assert running.ask("/health")[0] == 200
        finally:
            running.stop()


def test_sixty_four_callers_at_once(server):
    expected, outcomes = server.ask("/colorize", jpeg())[2], []

    def call():
        for _ in range(5):
            outcomes.append(server.ask("/colorize", jpeg())[::2])

    callers = [threading.Thread(target=call) for _ in range(64)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert outcomes == [(200, expected)] * 320


def test_too_many_requests_get_status_503(model):
    running = own_server.Running("--model", model, "--jobs", 1, "--waiting", 1)
    try:
        with (
            socket.create_connection(("127.0.0.1", running.port)) as one,
            socket.create_connection(("127.0.0.1", running.port)) as two,
        ):
            for connection in (one, two):  # two photos that never come take the place of one in work and one that waits
                connection.sendall(b"POST /colorize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n")
            for _ in range(100):
                status, headers, _ = running.ask("/colorize", jpeg())
                if status == 503:
                    break
            assert status == 503 and headers["Retry-After"] == "1"
        for _ in range(100):  # whoever hangs up makes room
            status = running.ask("/colorize", jpeg())[0]
            if status == 200:
                break
        assert status == 200
    finally:
        running.stop()


def test_no_file_is_kept(model, tmp_path):
    running = own_server.Running("--model", model, TMPDIR=str(tmp_path), HOME=str(tmp_path))
    before = set(tmp_path.rglob("*"))
    for query in ("", "?format=tif", "?format=webp"):
        assert running.ask(f"/colorize{query}", jpeg())[0] == 200
    running.stop()
    assert set(tmp_path.rglob("*")) == before


def test_a_port_in_use_is_reported_in_one_line(server, capsys):
    assert main.main(["serve", "--port", str(server.port)]) == 1
    reason = "Address already in use; choose another one with --port or --host"
    assert capsys.readouterr().err == f"tf-colorize serve: port {server.port} of 127.0.0.1: {reason}\n"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_does_not_grow_with_the_requests(server):
    def resident():
        status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def ask(count):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=100)
        for _ in range(count):
            connection.request("POST", "/colorize", jpeg())
            assert connection.getresponse().read()[:2] == b"\xff\xd8"

    ask(300)
    before = resident()
    ask(700)
    assert resident() - before < 5  # MB; a photo kept from each would be 7 kB of pixels and as much of its file
