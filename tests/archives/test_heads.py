"""The head of a Ray cluster before a job joins it: no answer, another program, and a job's own cluster."""

import concurrent.futures
import ipaddress
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time

import pytest
import ray_jobs
import tiny_models

from tf_colorize.archives import heads
from tf_colorize.commands import main


def test_the_manual_names_the_machine_of_each_command():
    """test_own_cluster.py runs these commands where it can create machines; this test runs everywhere."""
    lines = ray_jobs.manual()
    assert [command for command, _ in lines if "cluster" in command and "--address auto" in command]
    places = ("on the first machine", "on each of the others", "on each machine")
    assert len(lines) == 7 and all(where.startswith(places) for _, where in lines)


@pytest.fixture
def refused():
    """An address where no program listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    return f"127.0.0.1:{port}"


@pytest.fixture
def silent():
    """An address where connections are neither accepted nor refused, because the queue is full."""
    with socket.socket() as one, socket.socket() as first, socket.socket() as second:
        one.bind(("127.0.0.1", 0))
        one.listen(0)
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(one.getsockname())
        yield f"127.0.0.1:{one.getsockname()[1]}"


@pytest.mark.parametrize(
    "text, is_address",
    [
        ("10.0.0.1:6379", True),
        ("head.example.org:1", True),
        ("[::1]:6379", True),
        *[(text, False) for text in ("", "head", "head:", ":6379", "head:0", "head:65536", "head:6379 ", "head:x")],
        *[(text, False) for text in ("ray://head:10001", "::1:6379", "a b:1", "user@head/x:1:2")],
    ],
)
def test_an_address_is_host_and_port(text, is_address):
    assert heads.is_address(text) == is_address


def test_a_head_is_asked_whether_it_answers(refused, silent):
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert heads.answers(f"127.0.0.1:{server.getsockname()[1]}")
    assert not heads.answers(refused) and not heads.answers("no such host.invalid:1")
    assert not heads.answers(silent)  # and does not wait for minutes, as the system would


@pytest.mark.parametrize("where", ["refused", "silent"])
def test_a_missing_head_is_reported_at_once_in_one_line(tmp_path, request, where, capsys, monkeypatch):
    address = request.getfixturevalue(where)
    ray_jobs.make_archive(tmp_path / "in", 3)
    monkeypatch.setitem(sys.modules, "ray", None)  # nothing that takes long is even imported
    assert main.main(["cluster", str(tmp_path / "in"), str(tmp_path / "out"), "--address", address]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and f"no Ray cluster at {address}: nothing answers there" in lines[0]


@pytest.mark.parametrize("address", ["ray://head:10001", "head", "https://head:6379"])
def test_an_invalid_address_is_refused(tmp_path, capsys, address):
    ray_jobs.make_archive(tmp_path / "in", 3)
    assert main.main(["cluster", str(tmp_path / "in"), str(tmp_path / "out"), "--address", address]) == 1
    assert capsys.readouterr().err == f"tf-colorize cluster: {address}: must be auto or HOST:PORT\n"


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.0 400 Bad request\r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n"])
def test_another_program_at_the_address_is_reported_in_one_line(monkeypatch, answer):
    monkeypatch.setattr(heads, "_asking", None)  # Ray, which would try for long, is not asked

    def serve(server):
        for _ in range(2):
            connection, _ = server.accept()
            with connection:
                connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(heads.HeadError, match=f"^no Ray cluster at {address}: another program answers there$"):
            heads.find(address)


def test_a_server_of_rays_protocol_and_a_busy_one_may_be_heads(monkeypatch):
    grpc = pytest.importorskip("grpc")
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        assert not heads._is_other_program(f"127.0.0.1:{port}")
    finally:
        server.stop(None)
    monkeypatch.setattr(heads, "_ANSWER", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert not heads._is_other_program(f"127.0.0.1:{silent.getsockname()[1]}")


def test_a_missing_token_is_reported(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in (heads.TOKEN, heads.TOKEN_PATH):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(heads.MODE, "token")
    with pytest.raises(heads.HeadError, match="RAY_AUTH_MODE is token, but there is no token"):
        heads.find("auto")


def listening(pid):
    """The addresses where a process and its children listen, according to /proc."""
    found = set()
    for process in descendants(pid):
        inodes = {os.path.basename(os.path.realpath(fd)) for fd in pathlib.Path(f"/proc/{process}/fd").glob("*")}
        for name, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
            for line in pathlib.Path(f"/proc/{process}/net/{name}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                    words = bytes.fromhex(fields[1].partition(":")[0])
                    packed = b"".join(words[i : i + 4][::-1] for i in range(0, len(words), 4))
                    found.add(ipaddress.ip_address(socket.inet_ntop(family, packed)))
    return found


def descendants(pid):
    from benchmarks import ray_nodes

    return ray_nodes.descendants(pid)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_cluster_of_this_machine_listens_to_it_alone_and_requires_a_token(tmp_path):
    pytest.importorskip("ray")
    model = tiny_models.write_tflite(tmp_path)
    ray_jobs.make_archive(tmp_path / "in", 300, width=300)
    home = tmp_path / "home"
    home.mkdir()
    environment = {**os.environ, "HOME": str(home), "RAY_AUTH_MODE": "disabled"}  # somebody's setting for elsewhere
    process = ray_jobs.start(tmp_path / "in", tmp_path / "out", "--model", model, env=environment)
    while not list((tmp_path / "out").rglob("*.jpg")):
        assert process.poll() is None
        time.sleep(0.05)
    found = listening(process.pid)
    pids = descendants(process.pid)
    tokens = {
        value
        for pid in pids
        for value in pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        if value.startswith(b"RAY_AUTH_TOKEN=") and len(value) == len(b"RAY_AUTH_TOKEN=") + 64
    }
    said, complaints = process.communicate(timeout=150)
    mapped = {address.ipv4_mapped or address if address.version == 6 else address for address in found}
    assert len(pids) > 4 and mapped and all(address.is_loopback for address in mapped), found
    assert len(tokens) == 1 and not list(home.rglob("*token*"))
    assert process.returncode == 0 and said.startswith("300 photos in ") and complaints == ""


def test_a_list_cut_off_by_its_reader_is_not_an_error(tmp_path):
    ray_jobs.make_archive(tmp_path / "in", 2000, width=8)
    for shown in (1, 1999):
        command = f"{sys.executable} -m tf_colorize cluster in out --dry-run | head -n {shown} | wc -l"
        run = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True)
        assert run.stdout.strip() == str(shown) and run.stderr == ""
