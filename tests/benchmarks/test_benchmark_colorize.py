"""scripts/benchmark.py colorize: the real command on a small network, and its counts against hand calculation."""

import argparse
import importlib
import importlib.util

import benchmark_command
import exports
import numpy as np
import pytest

from tf_colorize.export import tflite
from tf_colorize.models import saving

SMALLEST = ["--rounds", 1, "--threads", 1, "--markdown"]


@pytest.fixture
def benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(benchmark_command.ROOT / "scripts")
    return lambda name: importlib.import_module(f"benchmarks.{name}")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "generator.keras"
    saving.save_generator(exports.generator(), path, {"image_size": exports.IMAGE_SIZE})
    return path


def colorize(model, *arguments):
    done = benchmark_command.run("colorize", "--model", model, *SMALLEST, *arguments)
    assert done.returncode == 0, done.stderr
    return benchmark_command.tables(done.stdout), done.stdout


def first(cell):
    return benchmark_command.numbers(cell)[0]


@pytest.mark.slow
def test_tables_of_figures_that_belong_together(model):
    (times, needs), output = colorize(model, "--formats", "dynamic", "--megapixels", 0.02, 0.2)
    (row,) = times
    assert (row["model"], row["threads"]) == ("TFLite dynamic", "1")
    for size in ("0.02", "0.2"):
        median, least, greatest, per_second = benchmark_command.numbers(row[f"{size} megapixels"])
        assert least == median == greatest > 0
        assert per_second == pytest.approx(1000 / median, rel=0.02)
    for heading in ("network", "arithmetic", "memory"):
        assert all(number > 0 for number in benchmark_command.numbers(row[heading])), row
    assert f"{exports.generator().count_params() / 1e6:.1f} M parameters" in output
    (row,) = needs
    parts = [first(row[heading]) for heading in ("imports", "loading", "first photo")]
    assert sum(parts) == pytest.approx(first(row["start to first photo"]), rel=0.02)
    # An interpreter with NumPy and LiteRT, without TensorFlow, which takes 400 MB.
    assert 20 < first(row["memory, first photo"]) <= first(row["memory, 0.2 megapixels"]) < 300


@pytest.mark.slow
def test_every_format_against_opencv_and_pytorch(model):
    for package in ("cv2", "onnx", "onnxruntime", "torch"):
        pytest.importorskip(package)
    (times, needs, ratios), _ = colorize(model, "--megapixels", 0.02, "--against", "opencv", "pytorch")
    own = ["Keras", "SavedModel", "TFLite", "TFLite float16", "TFLite dynamic", "TFLite int8", "ONNX", "ONNX dynamic"]
    assert [row["model"] for row in times] == [*own, "OpenCV", "PyTorch", "PyTorch bfloat16"]
    assert [row["model"] for row in ratios] == own
    taken = {row["model"]: first(row["0.02 megapixels"]) for row in times}
    for row in ratios:
        expected = min(taken["PyTorch"], taken["PyTorch bfloat16"]) / taken[row["model"]]
        assert first(row["against PyTorch, 0.02 megapixels"]) == pytest.approx(expected, rel=0.02)
        expected = taken["OpenCV"] / taken[row["model"]]
        assert first(row["against OpenCV, 0.02 megapixels"]) == pytest.approx(expected, rel=0.02)
    sizes = {row["model"]: first(row["on disk"]) for row in needs}
    assert sizes["TFLite dynamic"] < sizes["TFLite"] and sizes["ONNX dynamic"] < sizes["ONNX"]
    assert sizes["OpenCV"] == pytest.approx(4 * 34.1, rel=0.01)


@pytest.mark.slow
def test_a_rejected_export_does_not_lose_the_others(benchmarks, model, monkeypatch, capsys):
    monkeypatch.setitem(tflite._BOUNDS, "float16", (0.0, 0.0))
    parser = argparse.ArgumentParser()
    command = benchmarks("colorize")
    command.add_arguments(parser)
    given = ["--model", model, *SMALLEST, "--formats", "keras", "float16", "none", "--megapixels", 0.02]
    command.run(parser.parse_args(list(map(str, given))))
    output = capsys.readouterr().out
    times, _ = benchmark_command.tables(output)
    assert [row["model"] for row in times] == ["Keras", "TFLite"]
    assert "TFLite float16 is not measured, because its export was rejected: chroma differs from Keras" in output
    with pytest.raises(ValueError, match="every export was rejected: chroma differs"):
        command.run(parser.parse_args(["--model", str(model), "--formats", "float16"]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "nothing.keras"], "`--model` must exist. Received: nothing.keras"),
        (["--model", ".", "--threads", 1000], "`--threads` must be 1 to "),
        (["--model", ".", "--megapixels", 0], "`--megapixels` positive"),
        pytest.param(["--model", "."], "run folder", marks=pytest.mark.slow),  # loads TensorFlow
    ],
)
def test_invalid_arguments_end_with_one_line(arguments, message):
    done = benchmark_command.run("colorize", *arguments)
    assert done.returncode == 1
    assert message in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("alternative", "package"),
    [("opencv", "onnx"), ("pytorch", "torch")],
)
def test_missing_packages_are_named(alternative, package):
    if importlib.util.find_spec(package):
        pytest.skip("it is here")
    done = benchmark_command.run("colorize", "--model", ".", "--against", alternative)
    assert done.returncode == 1
    assert f"pip install {package}" in done.stderr.splitlines()[-1]


def test_the_operations_of_the_alternative_are_counted_correctly(benchmarks):
    layers = benchmarks("siggraph17").layers()
    kernels = [layer for layer in layers if layer.shape]
    # By hand, in thousands of products a position: blocks 1 to 7, the way up with its shortcuts, ab.
    assert [len(kernels), sum(layer.kind == "norm" for layer in layers)] == [19 + 3 + 3 + 4 + 1, 9]
    assert (layers[-1].channels, layers[-1].side) == (2, 256)
    parameters, gflop = benchmarks("siggraph17").counts()
    encoder = 9 * (4 * 64 + 64 * 64 + 64 * 128 + 128 * 128 + 128 * 256 + 2 * 256 * 256 + 256 * 512 + 11 * 512 * 512)
    way_up = 16 * (512 * 256 + 256 * 128 + 128 * 128)
    shortcuts = 9 * (256 * 256 + 128 * 128 + 64 * 128)
    joined = 9 * (2 * 256 * 256 + 128 * 128 + 128 * 128) + 128 * 2
    vectors = parameters - encoder - way_up - shortcuts - joined
    assert 0 < vectors < 0.001 * parameters
    assert parameters == pytest.approx(34e6, rel=0.01) and gflop == pytest.approx(150, rel=0.01)


def test_opencv_and_pytorch_run_the_same_network(benchmarks, tmp_path):
    cv2, torch = pytest.importorskip("cv2"), pytest.importorskip("torch")
    pytest.importorskip("onnx")
    siggraph17 = benchmarks("siggraph17")
    weights = siggraph17.random_weights()
    siggraph17.write_onnx(weights, tmp_path / "network.onnx")
    opencv = cv2.dnn.readNetFromONNX(str(tmp_path / "network.onnx"))
    pytorch = benchmarks("pytorch_siggraph17").Siggraph17(weights).eval()
    planes = np.random.default_rng(1).uniform(-1, 1, (1, 4, 256, 256)).astype(np.float32)
    opencv.setInput(planes)
    with torch.inference_mode():
        expected = pytorch(torch.from_numpy(planes)).numpy()
    assert expected.std() > 0.1
    np.testing.assert_allclose(opencv.forward(), expected, atol=1e-3)
    assert sum(parameter.numel() for parameter in pytorch.parameters()) == siggraph17.counts()[0]


def test_a_photo_has_the_requested_size(benchmarks, tmp_path):
    from PIL import Image

    with Image.open(benchmarks("colorize_files").write_photo(tmp_path, 0.3)) as photo:
        assert (photo.format, photo.mode, photo.size) == ("JPEG", "RGB", (632, 474))
