"""A command that outlives Ray, whose native code may end its process without a message."""

import json
import os
import pathlib
import pty
import signal
import socket
import subprocess
import sys
import time

import fake_ray
import pytest
import ray_jobs
import tiny_models

from tf_colorize.archives import heads, hiring, ray_process
from tf_colorize.commands import ray_job

AGAIN = "the same command continues from here"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_models.write_tflite(tmp_path_factory.mktemp("model"))


@pytest.fixture
def answering():
    """An address where a program listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def command(folder, model):
    """A job with forty photos, of which the first cannot be read."""
    ray_jobs.make_archive(folder / "in", 40)
    (folder / "in" / "box 0" / "00000.jpg").write_bytes(b"\xff\xd8 and no more")
    return [sys.executable, "-m", "tf_colorize", "cluster", folder / "in", folder / "out", "--model", model]


def started(tmp_path, model, kind, **addresses):
    (tmp_path / "fake").mkdir()
    environment = {**os.environ, **fake_ray.write(tmp_path / "fake", kind, **addresses)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # Where the tests themselves outlive their terminal, as under nohup, SIGHUP would be ignored here, too.
    heard = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        return subprocess.Popen(command(tmp_path, model), env=environment, **pipes)
    finally:
        signal.signal(signal.SIGHUP, heard)


def run(*arguments, **addresses):
    process = started(*arguments, **addresses)
    said, complaints = process.communicate(timeout=100)
    return process.returncode, said, complaints


def failed(folder):
    return [json.loads(line)["photo"] for line in (folder / "out" / "failures.jsonl").read_text().splitlines()]


def test_all_photos_go_through_the_process_and_back(tmp_path, model):
    expected = ray_jobs.local(command(tmp_path, model)[4], tmp_path / "out", model)
    code, said, complaints = run(tmp_path, model, "")
    made = ray_jobs.results(tmp_path / "out")
    del made["failures.jsonl"]
    assert made == expected and len(made) == 39 and code == 1 and said.startswith("39 photos in ")
    assert complaints == f"tf-colorize cluster: 1 photos failed: {tmp_path}/out/failures.jsonl\n"
    assert not (tmp_path / "fake" / "pid").exists()


@pytest.mark.parametrize("kind, ending", [("exits", "exit code 1"), ("killed", "SIGKILL")])
def test_an_end_without_a_message_is_reported_in_one_line(tmp_path, model, kind, ending, answering):
    code, said, complaints = run(tmp_path, model, kind, head=answering, node=answering)
    assert complaints == f"tf-colorize cluster: the process that uses Ray has ended ({ending}); {AGAIN}\n"
    assert code == 1 and said == "" and failed(tmp_path) == [f"{tmp_path}/in/box 0/00000.jpg"]
    assert len(list((tmp_path / "out").rglob("*.jpg"))) > 0


@pytest.mark.parametrize("kind", ["exits", "raises"])
@pytest.mark.parametrize("lost, name", [("head", "the head of the cluster"), ("node", "Ray on this machine")])
def test_lost_nodes_are_named(tmp_path, model, kind, lost, name, answering):
    addresses = {"head": answering, "node": answering, lost: "127.0.0.1:1"}
    code, _, complaints = run(tmp_path, model, kind, **addresses)
    assert (code, complaints) == (1, f"tf-colorize cluster: {name} is lost; {AGAIN}\n")


def test_other_errors_are_shown_completely(tmp_path, model, answering):
    code, _, complaints = run(tmp_path, model, "raises", head=answering, node=answering)
    assert code == 1 and "RuntimeError: no such thing" in complaints and "in _collect" in complaints


@pytest.mark.parametrize(
    "kind, complaint", [("absent", "Failed to connect"), ("aborts", "Ray ended while it connected (exit code 1)")]
)
def test_a_failed_connection_is_reported_in_one_line(tmp_path, model, kind, complaint):
    code, said, complaints = run(tmp_path, model, kind)
    assert (code, said, complaints) == (1, "", f"tf-colorize cluster: no Ray cluster at local: {complaint}\n")


@pytest.mark.parametrize(
    "kind, complaint",
    [
        ("old", "Ray 2.51.1 accepts jobs from anyone; run pip install "),
        ("listens", "Ray was stopped, because it accepted connections from other machines"),
    ],
)
def test_nothing_is_colorized_on_a_ray_that_others_could_use(tmp_path, model, kind, complaint):
    code, said, complaints = run(tmp_path, model, kind)
    assert code == 1 and said == "" and complaints.startswith(f"tf-colorize cluster: {complaint}")
    assert len(complaints.splitlines()) == 1 and not list((tmp_path / "out").rglob("*.jpg"))
    assert not (tmp_path / "fake" / "pid").exists()


@pytest.mark.parametrize("wants_token", [True, False])
def test_a_cluster_without_a_token_gives_a_warning(monkeypatch, wants_token):
    told, hired = [], []
    monkeypatch.setattr(heads, "find", lambda address: heads.Head("192.0.2.1:6379", wants_token))
    monkeypatch.setattr(hiring, "Hired", lambda task, environment, tell: hired.append((task.address, environment)))
    ray_job.hired("auto", None, (None, None), None, told.append)
    assert hired == [("192.0.2.1:6379", {"RAY_AUTH_MODE": "token" if wants_token else "disabled"})]
    assert len(told) == (not wants_token) and all("192.0.2.1:6379 can run programs on it" in line for line in told)


def test_the_first_lines_of_rays_messages_are_shown_once(tmp_path, model):
    *ray, summary = run(tmp_path, model, "talks")[2].splitlines()
    assert ray == ["tf-colorize cluster: Ray: (raylet) A node died.", "tf-colorize cluster: Ray: It has died."]
    assert "1 photos failed" in summary


def wait_for_ray(folder):
    limit = time.monotonic() + 60
    while not (folder / "fake" / "pid").exists() or not (folder / "fake" / "pid").read_text():
        assert time.monotonic() < limit
        time.sleep(0.05)
    return int((folder / "fake" / "pid").read_text())


def is_running(pid):
    return pathlib.Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_stopped_job_ends_cleanly(tmp_path, model, name, answering):
    process = started(tmp_path, model, "waits", head=answering, node=answering)
    pid = wait_for_ray(tmp_path)
    process.send_signal(getattr(signal, name))
    said, complaints = process.communicate(timeout=60)
    assert process.returncode == 128 + getattr(signal, name) and said == ""
    assert complaints == "tf-colorize cluster: stopped; run the same command again to continue\n"
    assert not is_running(pid) and not (tmp_path / "fake" / "pid").exists()  # Ray was shut down


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_ray_does_not_outlive_a_command_that_is_killed(tmp_path, model, answering):
    process = started(tmp_path, model, "waits", head=answering, node=answering)
    pid = wait_for_ray(tmp_path)
    process.kill()
    process.communicate()
    limit = time.monotonic() + 60
    while is_running(pid):
        assert time.monotonic() < limit
        time.sleep(0.05)
    assert not (tmp_path / "fake" / "pid").exists()


def test_ctrl_c_on_a_terminal_is_for_the_command_alone(tmp_path, model, answering):
    (tmp_path / "fake").mkdir()
    environment = {**os.environ, **fake_ray.write(tmp_path / "fake", "waits", answering, answering)}
    typed = list(map(str, command(tmp_path, model)))
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(typed[0], typed, environment)
    wait_for_ray(tmp_path)
    shown = os.read(terminal, 1000)
    while b"0/" not in shown:  # the bar
        shown += os.read(terminal, 1000)
    os.write(terminal, b"\x03")
    try:
        while data := os.read(terminal, 1000):
            shown += data
    except OSError:  # how Linux says that the other end is closed
        pass
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 130
    assert shown.decode().rstrip().endswith("stopped; run the same command again to continue")
    assert not (tmp_path / "fake" / "pid").exists()  # Ray was shut down, not interrupted


class Ended(Exception):
    pass


@pytest.mark.parametrize("lost, name", [("head", ray_process.HEAD), ("node", ray_process.NODE)])
def test_silence_ends_the_process_with_a_message(monkeypatch, answering, lost, name):
    """Ray may wait forever."""
    sent = []

    def end(code):
        raise Ended

    class Clock:  # two seconds pass with each look
        now = 0.0

        def monotonic(self):
            return self.now

        def wait(self, seconds):
            self.now += seconds
            return False

        def is_set(self):
            return False

        def send(self, *message):
            sent.append((self.now, *message))

    clock = Clock()
    monkeypatch.setattr(ray_process, "time", clock)
    monkeypatch.setattr(ray_process.os, "_exit", end)
    addresses = {ray_process.HEAD: answering, ray_process.NODE: answering, name: "127.0.0.1:1"}
    with pytest.raises(Ended):
        ray_process._watch(addresses, clock, clock)
    ((seconds, *message),) = sent
    assert message == ["lost", name] and seconds < (30 if lost == "head" else 10)
