"""scripts/benchmark.py scale and serving: the real commands at a tiny size."""

import argparse

import benchmark_command
import pytest
from benchmarks import scale, serving


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


@pytest.mark.parametrize(
    "module, arguments, complaint",
    [
        (serving, ["--requests", "0"], "`--callers`, `--requests` and `--cores` must be at least 1"),
        (scale, ["archives", "--rounds", "0"], "`--rounds` must be at least 1. Received: 0"),
    ],
)
def test_numbers_that_measure_nothing_are_refused(module, arguments, complaint):
    parser = argparse.ArgumentParser()
    module.add_arguments(parser)
    with pytest.raises(ValueError, match=complaint):
        module.run(parser.parse_args(arguments))
