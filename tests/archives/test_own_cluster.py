"""The manual's commands for starting a cluster, run as written on two machines; wrong tokens and lost nodes."""

import contextlib
import json
import os
import pathlib
import shlex
import signal
import sys
import time

import machines
import pytest
import ray_jobs
import tiny_models

pytest.importorskip("ray")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(machines.reason_against() is not None, reason=str(machines.reason_against())),
]

S3 = {
    "AWS_ACCESS_KEY_ID": "any",
    "AWS_SECRET_ACCESS_KEY": "thing",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_ENDPOINT_URL": "http://10.0.0.1:5000",
    "RAY_USAGE_STATS_ENABLED": "0",
}


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    with machines.started(tmp_path_factory.mktemp("machines"), 2, **S3) as two:
        yield two


def python(code):
    return f"{shlex.quote(sys.executable)} -c {shlex.quote(code)}"


def test_the_commands_of_the_manual_work_as_they_are_written(two, tmp_path):
    one, other = two
    ray_jobs.make_archive(tmp_path / "in", 60)
    expected = ray_jobs.local(
        tmp_path / "in", tmp_path / "out", pathlib.Path("saved_models/colorizer.tflite").absolute()
    )
    server = one.start(f"{shlex.quote(sys.executable)} -m moto.server -H 10.0.0.1 -p 5000")
    try:
        copy = "from pyarrow import fs; s3 = fs.S3FileSystem(allow_bucket_creation=True, endpoint_override={!r}); {}"
        to, here, there = "archive/scans", str(tmp_path / "in"), "destination_filesystem=s3"
        upload = f"s3.create_dir('archive'); fs.copy_files({here!r}, {to!r}, {there})"
        download = f"fs.copy_files('archive/colored', {str(tmp_path / 'out')!r}, source_filesystem=s3)"
        for _ in range(20):
            if one.run(python(copy.format(S3["AWS_ENDPOINT_URL"], upload)))[0] == 0:
                break
            time.sleep(1)
        run_manual(one, other)
        assert one.run(python(copy.format(S3["AWS_ENDPOINT_URL"], download)))[0] == 0
    finally:
        server.kill()
    assert ray_jobs.results(tmp_path / "out") == expected and len(expected) == 60


def typed(machine, command):
    """Returns `(exit code, output, complaints)`; tries again if the machine is too busy for Ray's time limits."""
    for _ in range(3 if command.startswith("ray start") else 1):
        done = machine.run(command)
        if done[0] == 0:
            break
    return done


def run_manual(one, other):
    for command, where in ray_jobs.manual():
        is_for_others = where.startswith("on each of the others")
        for machine in [one] if where.startswith("on the first") else [other] if is_for_others else [one, other]:
            if command.startswith("export "):
                name, _, value = command.removeprefix("export ").partition("=")
                machine.environment[name] = value
                continue
            code, said, complaints = typed(machine, command)
            assert code == 0, (command, said, complaints)
            if command.startswith("tf-colorize"):
                assert said.splitlines()[-1].startswith("60 photos in ") and complaints == ""
            if "scp" in command:
                assert (other.home / ".ray" / "auth_token").stat().st_mode & 0o077 == 0
    for machine in (one, other):
        assert machine.pids("raylet") == machine.pids("gcs_server") == []


@pytest.fixture(scope="module")
def cluster(two):
    """Both machines with tokens, as in the manual; the last two tests kill them."""
    one, other = two
    lines = [command for command, _ in ray_jobs.manual()]
    for machine in two:
        machine.run("ray stop --force")  # what a test before left when it failed
        machine.environment["RAY_AUTH_MODE"] = "token"
    if not (one.home / ".ray").exists():
        assert one.run(lines[0])[0] == one.run(lines[1])[0] == 0
    for machine, part in ((one, "--head"), (other, "ray start --address")):
        code, *said = typed(machine, next(line for line in lines if part in line))
        assert code == 0, said
    for machine in two:
        del machine.environment["RAY_AUTH_MODE"]
    yield two
    for machine in two:
        machine.run("ray stop --force")


def job(folder, *more):
    model = folder / "model" / "tiny.tflite"
    if not model.exists():
        model.parent.mkdir()
        tiny_models.write_tflite(model.parent).rename(model)
    return shlex.join(["tf-colorize", "cluster", *map(str, (folder / "in", folder / "out", "--model", model, *more))])


@pytest.mark.parametrize(
    "environment, complaint",
    [
        (
            "RAY_AUTH_TOKEN=0123456789abcdef",
            "requires its token, but the one here is different: copy ~/.ray/auth_token from its head",
        ),
        ("HOME=/nowhere", "requires its token, but there is none here: copy ~/.ray/auth_token from its head"),
        ("RAY_AUTH_MODE=disabled", "requires its token, but RAY_AUTH_MODE is disabled: copy"),
        ("HOME=/nowhere RAY_AUTH_MODE=token", "RAY_AUTH_MODE is token, but there is no token: set RAY_AUTH_TOKEN"),
    ],
)
@pytest.mark.parametrize("address", ["auto", "10.0.0.1:6379"])
def test_a_wrong_token_is_reported_in_one_line(cluster, tmp_path, environment, complaint, address):
    ray_jobs.make_archive(tmp_path / "in", 3)
    code, said, complaints = cluster[0].run(f"{environment} {job(tmp_path, '--address', address)}")
    assert code == 1 and said == "" and complaint in complaints and len(complaints.splitlines()) == 1


def begun(machine, folder):
    """A job that has colored some of its photos; one could not be read."""
    ray_jobs.make_archive(folder / "in", 400, width=500)
    (folder / "in" / "box 0" / "00000.jpg").write_bytes(b"\xff\xd8 and no more")
    process = machine.start(job(folder, "--address", "10.0.0.1:6379"))
    limit = time.monotonic() + 300
    while len(list((folder / "out").rglob("*.jpg"))) < 10:
        assert process.poll() is None and time.monotonic() < limit
        time.sleep(0.05)
    return process


def test_a_killed_node_leaves_no_dump(cluster, tmp_path):
    one, other = cluster
    one.environment["RAY_AUTH_MODE"] = "token"
    code, *said = typed(one, "ray start --address 10.0.0.1:6379 --num-cpus 1")
    assert code == 0, said
    del one.environment["RAY_AUTH_MODE"]
    process = begun(one, tmp_path)
    kill(other, "raylet", "ray::")
    said, complaints = process.communicate(timeout=200)
    assert process.returncode == 1 and said.startswith("399 photos in ") and len(said.splitlines()) == 1
    lines = complaints.splitlines()
    assert all(line.startswith("tf-colorize cluster: ") for line in lines) and len(lines) <= 4, complaints


def kill(machine, *names):
    for pid in {pid for name in names for pid in machine.pids(name)}:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_the_death_of_the_jobs_own_node_ends_it_with_a_line(cluster, tmp_path):
    process = begun(cluster[0], tmp_path)
    kill(cluster[0], "raylet/raylet")
    said, complaints = process.communicate(timeout=60)
    assert process.returncode == 1 and said == ""
    lines = complaints.splitlines()
    assert all(line.startswith("tf-colorize cluster: ") for line in lines) and len(lines) <= 3, complaints
    assert lines[-1].endswith(
        "Ray on this machine is lost; start the cluster, and the same command continues from here"
    )
    assert [json.loads(line)["reason"] for line in (tmp_path / "out" / "failures.jsonl").read_text().splitlines()]
