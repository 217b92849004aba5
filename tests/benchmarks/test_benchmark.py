"""scripts/benchmark.py train: the real command at a tiny size, and its counts against hand calculation."""

import importlib
import re

import benchmark_command
import keras
import pytest
import tensorflow as tf
import tiny_models


@pytest.fixture
def benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(benchmark_command.ROOT / "scripts")
    return importlib.import_module


@pytest.mark.slow
def test_command_prints_a_table_of_positive_numbers():
    size = ["--image-size", 64, "--batch-size", 2, "--rounds", 1, "--steps", 1]
    done = benchmark_command.run(
        "train", "--generator", "resnet18_unet", "--precision", "float32", "--batch-norm", "plain", *size, "--markdown"
    )
    assert done.returncode == 0, done.stderr
    ((row,),) = benchmark_command.tables(done.stdout)
    assert (row["generator"], row["precision"], row["variant"]) == ("resnet18_unet", "float32", "plain")
    assert row["against PyTorch"] == "-"
    for heading in ("images/s", "arithmetic", "memory"):
        found = benchmark_command.numbers(row[heading])
        assert found and all(0 < number < 1e5 for number in found), row


@pytest.mark.slow
def test_a_size_that_the_network_refuses_ends_with_one_line():
    flags = ["--generator", "unet", "--precision", "float32", "--batch-norm", "fused"]
    done = benchmark_command.run("train", *flags, "--image-size", 32)
    assert done.returncode == 1
    line = done.stderr.splitlines()[-1]
    assert "`--image-size` must be a multiple of 256 for unet. Received: 32" in line


@pytest.mark.slow
def test_films_against_frame_by_frame():
    model = ["--model", tiny_models.STORED]
    done = benchmark_command.run("film", *model, "--size", "96x64", "--frames", 4, "--rounds", 1, "--markdown")
    assert done.returncode == 0, done.stderr
    times, steps = benchmark_command.tables(done.stdout)
    assert [row["method"] for row in times] == [
        "decoding and encoding alone",
        "frame by frame",
        "tf-colorize film",
        "time of tf-colorize film / decoding and encoding alone, per round",
        "time of tf-colorize film / frame by frame, per round",
    ]
    names = ["decoding", "lightness", "flow and steadying", "network", "joining", "encoding"]
    assert [row["step"] for row in steps] == names
    (memory,) = re.findall(r"in a process of its own: (\d+) MB", done.stdout)
    assert 50 < int(memory) < 2000
    assert sum(benchmark_command.numbers(row["share"])[0] for row in steps) == pytest.approx(100, abs=3)


@pytest.mark.slow
def test_against_pytorch():
    pytest.importorskip("torch")
    size = ["--image-size", 256, "--batch-size", 1, "--rounds", 2, "--steps", 1]
    flags = ["--generator", "unet", "--precision", "mixed_bfloat16", "--batch-norm", "fused"]
    done = benchmark_command.run("train", *flags, *size, "--against", "pytorch", "--markdown")
    assert done.returncode == 0, done.stderr
    ((ours, *theirs),) = benchmark_command.tables(done.stdout)
    assert [row["variant"] for row in theirs] == ["channels first", "channels last"]
    assert all(number > 0 for number in benchmark_command.numbers(ours["against PyTorch"]))


def test_pytorch_networks_are_the_same_networks(benchmarks):
    torch = pytest.importorskip("torch")
    from tf_colorize import models

    pytorch = benchmarks("benchmarks.pytorch_pix2pix")
    for theirs, ours in ((pytorch.Level(1, 0), models.unet()), (pytorch.patchgan(), models.patchgan())):
        trainable = sum(parameter.numel() for parameter in theirs.parameters())
        assert trainable == sum(keras.ops.size(variable) for variable in ours.trainable_variables)
    assert pytorch.Level(1, 0)(torch.zeros(2, 1, 256, 256)).shape == (2, 2, 256, 256)
    assert pytorch.patchgan()(torch.zeros(1, 3, 256, 256)).shape == (1, 1, 30, 30)


def test_counts_equal_hand_calculation(benchmarks):
    counts = benchmarks("benchmarks.operations")
    images, kernel = tf.zeros((2, 10, 10, 8)), tf.Variable(tf.zeros((4, 4, 8, 16)))

    @tf.function(autograph=False)
    def step(images):
        with tf.GradientTape() as tape:
            outputs = tf.nn.conv2d(images, kernel, 2, "SAME")
        return tape.gradient(outputs, kernel), tf.matmul(images[0, 0], images[1, 1], transpose_b=True)

    operations = counts.needed_operations(step.get_concrete_function(images).graph)
    # The gradient for the kernel needs neither the forward convolution nor the images' gradient.
    products = 2 * 5 * 5 * 4 * 4 * 8 * 16 + 10 * 10 * 8
    assert counts.gigaflop(operations) == pytest.approx(2 * products / 1e9)

    @tf.function(autograph=False)
    def add(images):
        return images + 1.0

    operations = counts.needed_operations(add.get_concrete_function(images).graph)
    assert counts.gigabyte(operations) == pytest.approx((2 * 4 * 1600 + 4) / 1e9)
