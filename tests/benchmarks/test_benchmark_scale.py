"""scripts/benchmark.py scale and serving: the real commands at a tiny size."""

import argparse

import benchmark_command
import pytest
from benchmarks import scale, scale_training, serving


@pytest.mark.slow
def test_no_caller_of_many_gets_an_error_or_a_wrong_picture():
    done = benchmark_command.run("serving", "--callers", 1, 8, "--requests", 8, "--size", 64, "--markdown")
    assert done.returncode == 0, done.stderr
    (rows,) = benchmark_command.tables(done.stdout)
    assert [row["interface"] for row in rows[::2]] == [
        "REST, files",
        "REST, `predict_ab`",
        "gRPC, files",
        "gRPC, `predict_ab`",
    ]
    for row in rows:
        assert (row["errors"], row["wrong pictures"]) == ("0", "0"), done.stdout
        (middle,), (slow,) = (benchmark_command.numbers(row[key]) for key in ("median", "99th percentile"))
        assert benchmark_command.numbers(row["requests/s"])[0] > 0 and middle <= slow < 60


@pytest.mark.slow
def test_training_on_two_workers_is_compared_with_one():
    done = benchmark_command.run(
        *("scale", "training", "--steps", 1, "--rounds", 1, "--pixels", 32, "--batch", 2, "--markdown")
    )
    assert done.returncode == 0, done.stderr
    measured, paper = benchmark_command.tables(done.stdout)
    assert [row["setup"] for row in measured] == ["one worker", "two workers"]
    assert all(benchmark_command.numbers(row["photos/s"])[0] > 0 for row in measured)
    # 13.4 M parameters of the generator and 2.8 M of the discriminator, four bytes each.
    assert benchmark_command.numbers(measured[1]["sent per step"])[0] == pytest.approx(4 * 16.2, rel=0.01)
    assert [row["workers"] for row in paper] == ["2", "8", "64"] * 3


def test_each_worker_sends_all_but_its_own_part_twice():
    assert scale_training.ring_seconds(1e9, 2, 8) == 1.0
    assert scale_training.ring_seconds(1e9, 64, 8) == 2 * 63 / 64


@pytest.mark.parametrize(
    "module, arguments, complaint",
    [
        (serving, ["--requests", "0"], "`--callers`, `--requests` and `--cores` must be at least 1"),
        (scale, ["archives", "--rounds", "0"], "`--rounds` must be at least 1. Received: 0"),
        (scale, ["training", "--steps", "0"], "`--steps` and `--batch` of at least 1"),
    ],
)
def test_numbers_that_measure_nothing_are_refused(module, arguments, complaint):
    parser = argparse.ArgumentParser()
    module.add_arguments(parser)
    with pytest.raises(ValueError, match=complaint):
        module.run(parser.parse_args(arguments))
