"""`tf-colorize cluster` on real Ray clusters: one on this machine, two nodes of one processor, lost nodes."""

import json
import re
import time

import pytest
import ray_jobs
import tiny_models

pytest.importorskip("ray")

from benchmarks import ray_nodes


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_models.write_tflite(tmp_path_factory.mktemp("model"))


def photos_of(lines):
    return sorted(json.loads(line)["photo"] for line in lines)


def test_workers_on_this_machine_give_the_results_of_the_local_command(tmp_path, model):
    broken = ray_jobs.make_archive(tmp_path / "in", 60, 2)
    expected = ray_jobs.local(tmp_path / "in", tmp_path / "out", model)
    arguments = [tmp_path / "in", tmp_path / "out", "--model", model]
    code, said, complaints = ray_jobs.run(*arguments)
    made = ray_jobs.results(tmp_path / "out")
    failures = made.pop("failures.jsonl").decode().splitlines()
    assert len(expected) == 58 and made == expected
    assert photos_of(failures) == [str(path) for path in broken]
    assert all("truncated" in json.loads(line)["reason"] for line in failures)
    assert code == 1 and said[-1].startswith("58 photos in ")
    assert complaints == [f"tf-colorize cluster: 2 photos failed: {tmp_path}/out/failures.jsonl"]
    code, said, _ = ray_jobs.run(*arguments, "--dry-run")
    assert [line.partition(" -> ")[0] for line in said] == [str(path) for path in broken]


@pytest.fixture(scope="module")
def two_nodes():
    """A cluster that the tests below share, because starting one takes long; the last test kills it."""
    with ray_nodes.started([None, None]) as nodes:
        yield nodes


@pytest.mark.slow
def test_four_hundred_photos_from_bucket_to_bucket(tmp_path, model, s3_server, two_nodes):
    broken = ray_jobs.make_archive(tmp_path / "in", 400, 5, width=32)  # most of the time is the server's
    expected = ray_jobs.local(tmp_path / "in", tmp_path / "out", model)
    s3_server.upload(tmp_path / "in", "archive/boxes")
    addresses = [s3_server.address("archive/boxes"), s3_server.address("archive/boxes in color")]
    code, said, complaints = ray_jobs.run(*addresses, "--model", model, "--address", two_nodes.address, timeout=400)
    s3_server.download("archive/boxes in color", tmp_path / "out")
    made = ray_jobs.results(tmp_path / "out")
    failures = made.pop("failures.jsonl").decode().splitlines()
    assert len(expected) == 395 and made == expected
    assert photos_of(failures) == [f"s3://archive/boxes/{path.relative_to(tmp_path / 'in')}" for path in broken]
    assert code == 1 and said[-1].startswith("395 photos in ")
    warning, *complaints = complaints  # these nodes were started without a token
    assert warning.startswith(
        f"tf-colorize cluster: warning: anyone who can reach the cluster at {two_nodes.address} can "
    )
    assert complaints == ["tf-colorize cluster: 5 photos failed: s3://archive/boxes in color/failures.jsonl"]


def wait_for(count, out, process):
    limit = time.monotonic() + 300
    while len(list(out.rglob("*.jpg"))) < count:
        assert process.poll() is None and time.monotonic() < limit
        time.sleep(0.02)


@pytest.mark.slow
def test_a_killed_node_loses_no_photo(tmp_path, model, two_nodes):
    broken = ray_jobs.make_archive(tmp_path / "in", 500, 5, width=500)  # work for both nodes to the end
    expected = ray_jobs.local(tmp_path / "in", tmp_path / "out", model)
    process = ray_jobs.start(tmp_path / "in", tmp_path / "out", "--model", model, "--address", two_nodes.address)
    wait_for(40, tmp_path / "out", process)
    two_nodes.kill(two_nodes.nodes[0])
    said, complaints = process.communicate(timeout=150)
    made = ray_jobs.results(tmp_path / "out")
    failures = made.pop("failures.jsonl").decode().splitlines()
    assert len(expected) == 495 and made == expected  # and nothing unfinished is left
    assert photos_of(failures) == [str(path) for path in broken]
    assert said.splitlines()[-1].startswith("495 photos in ")
    # More than one, where a new worker is sent to the same node before the head has noticed.
    assert process.returncode == 1 and re.search("workers that died: [1-9]; others took over their photos", complaints)


@pytest.mark.slow
def test_after_the_head_was_killed_the_same_command_continues_on_another_cluster(tmp_path, model, two_nodes):
    broken = ray_jobs.make_archive(tmp_path / "in", 500, 5)
    expected = ray_jobs.local(tmp_path / "in", tmp_path / "out", model)
    arguments = [tmp_path / "in", tmp_path / "out", "--model", model]
    process = ray_jobs.start(*arguments, "--address", two_nodes.address)
    wait_for(40, tmp_path / "out", process)
    for node in (two_nodes.head, *two_nodes.nodes):  # without the nodes, which would finish what is left by themselves
        two_nodes.kill(node)
    _, complaints = process.communicate(timeout=150)
    assert process.returncode != 0 and "the same command continues" in complaints.splitlines()[-1]
    before = {path: path.stat().st_ino for path in (tmp_path / "out").rglob("*.jpg")}
    assert 40 <= len(before) < 495
    code, said, _ = ray_jobs.run(*arguments)
    made = ray_jobs.results(tmp_path / "out")
    assert photos_of(made.pop("failures.jsonl").decode().splitlines()) == [str(path) for path in broken]
    assert made == expected
    assert code == 1 and said[0] == f"{len(before)} photos were already done; --overwrite does them again"
    assert said[-1].startswith(f"{495 - len(before)} photos in ")
    assert {path: path.stat().st_ino for path in before} == before
