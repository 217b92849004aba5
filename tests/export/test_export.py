"""Exporters write nothing broken; the command line; the steps for app developers."""

import pathlib
import subprocess
import sys

import exports
import keras
import numpy as np
import pytest
import skimage.color
import skimage.data
import tensorflow as tf
from PIL import Image

from tf_colorize import export
from tf_colorize.commands import main
from tf_colorize.export import artifact, checks, vectors
from tf_colorize.inference import runtimes

ROOT = pathlib.Path(__file__).parents[2]
SIZE = exports.IMAGE_SIZE


@pytest.fixture(scope="module")
def exported():
    return exports.exported()


def damaged(change):
    """A copy of the generator with changed weights."""
    model = keras.models.clone_model(exports.generator())
    model.set_weights([change(weight) for weight in exports.generator().get_weights()])
    return model


# Nothing broken is left


EXPORTERS = pytest.mark.parametrize(
    ("function", "name"),
    [(export.export_saved_model, "1"), (export.export_tflite, "model.tflite")],
    ids=["SavedModel", "TFLite"],
)


@EXPORTERS
@pytest.mark.parametrize(
    ("change", "reason"),
    [(lambda weight: weight * np.nan, "NaN"), (lambda weight: weight * 0, "same color for everything")],
    ids=["NaN", "constant"],
)
def test_a_broken_generator_is_refused(exported, tmp_path, function, name, change, reason):
    with pytest.raises(ValueError, match=reason):
        function(damaged(change), tmp_path / name, image_size=SIZE, photos=exported.photos)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("function", "name"),
    [
        pytest.param(export.export_saved_model, "1", id="SavedModel", marks=pytest.mark.slow),
        pytest.param(export.export_tflite, "model.tflite", id="TFLite"),
    ],
)
def test_existing_exports_are_replaced_only_with_overwrite(exported, tmp_path, function, name):
    older = tmp_path / name / "saved_model.pb" if name == "1" else tmp_path / name
    older.parent.mkdir(exist_ok=True)
    older.write_text("older")
    common = {"image_size": SIZE, "photos": exported.photos}
    with pytest.raises(ValueError, match="exists"):
        function(exports.generator(), tmp_path / name, **common)
    assert older.read_text() == "older"
    function(exports.generator(), tmp_path / name, overwrite=True, **common)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert not older.exists() or older.read_bytes() != b"older"


def test_a_folder_is_never_replaced_by_a_file(exported, tmp_path):
    (tmp_path / "model.tflite").mkdir()
    (tmp_path / "model.tflite" / "mine").touch()
    with pytest.raises(ValueError, match="is a folder of other files"):
        export.export_tflite(
            exports.generator(), tmp_path / "model.tflite", image_size=SIZE, photos=exported.photos, overwrite=True
        )
    assert (tmp_path / "model.tflite" / "mine").exists()


def test_wrong_chroma_is_refused(exported):
    squares = checks.photo_squares(exported.photos, SIZE, 2)
    generator = exports.generator()
    off = lambda square: generator(square).numpy() + np.float32([3 / 110, 4 / 110])  # noqa: E731
    expected = checks.reference(generator, squares)
    agreement = checks.compare(off, squares, expected, mean_bound=6, max_bound=6)
    assert abs(agreement.mean - 5) < 1e-3 and abs(agreement.maximum - 5) < 1e-3  # 3, 4, 5
    with pytest.raises(checks.ExportError, match=r"differs from Keras by 5\.0"):
        checks.compare(off, squares, expected, mean_bound=4, max_bound=6)


def test_photos_are_spread_evenly_over_the_folder(tmp_path):
    for index in range(400):  # the later in the alphabet, the lighter
        level = round(index * 255 / 399)
        Image.new("L", (32, 32), level).save(tmp_path / f"{index:03d}.png")
    for spoiled in range(0, 400, 40):
        (tmp_path / f"{spoiled:03d}.png").write_bytes(b"")
    for count in (8, 216, 390):
        squares = checks.photo_squares(tmp_path, 32, count)
        levels = np.sort([50 * (square.mean() + 1) for square in squares])  # L*
        assert len(levels) == count and levels[0] < 20 and levels[-1] > 100 - 2 * 100 / count
        assert np.diff(levels).max() < 2.5 * 100 / count + 1
    assert len(checks.photo_squares(tmp_path, 32, 400)) == 390


def test_wrong_arguments(tmp_path, exported):
    with pytest.raises(ValueError, match=r"`quantize` must be one of .*Received: quantize='int4'"):
        export.export_tflite(exports.generator(), tmp_path / "a.tflite", quantize="int4")
    with pytest.raises(ValueError, match=r"end in \.tflite"):
        export.export_tflite(exports.generator(), tmp_path / "a.lite")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="`photos` must be a folder with photos"):
        export.export_tflite(exports.generator(), tmp_path / "a.tflite", photos=tmp_path / "empty")


# Command line and test vectors


def run_script(*arguments):
    command = [sys.executable, str(ROOT / "scripts" / "export.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.slow
def test_command_line(exported, tmp_path):
    size = ["--image-size", "32", "--photos", exported.photos]
    target = tmp_path / "model.tflite"
    command = ["--model", exported.saved_model, "--tflite", target, "--quantize", "dynamic", *size]
    process = run_script(*command, "--vectors", tmp_path / "vectors")
    assert process.returncode == 0, process.stderr
    assert "chroma differs from Keras by" in process.stdout and "on 2 threads" in process.stdout
    assert runtimes.from_tflite(target, threads=1).image_size == 32
    before = target.read_bytes()
    again = run_script(*command)
    assert again.returncode == 1 and "exists" in again.stderr.splitlines()[-1]
    assert target.read_bytes() == before


def test_command_line_with_a_file_that_is_not_a_model(tmp_path, capsys):
    (tmp_path / "text.keras").write_text("no model")
    (tmp_path / "empty").mkdir()
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="dense")])
    other.save(tmp_path / "other.keras")
    for model in ("missing", "text.keras", "empty", "other.keras"):
        code = main.main(["export", "--model", str(tmp_path / model), "--tflite", str(tmp_path / "a.tflite")])
        (line,) = capsys.readouterr().err.splitlines()
        assert code == 1 and line.startswith(f"tf-colorize export: error: {tmp_path / model}: "), line
    assert not (tmp_path / "a.tflite").exists()


def test_the_steps_for_app_developers_give_the_test_vectors(exported, tmp_path):
    vectors.write(exported.tflite["none"], tmp_path)
    example = ROOT / "examples" / "tflite_without_tf_colorize.py"
    mine = tmp_path / "mine.png"
    subprocess.run([sys.executable, example, exported.tflite["none"], tmp_path / "gray.png", mine], check=True)
    color = np.asarray(Image.open(tmp_path / "color.png"))
    assert color.shape == (120, 180, 3) and color.std(axis=-1).mean() > 5
    assert np.abs(np.asarray(Image.open(mine)).astype(int) - color).max() <= 1
    ab = np.load(tmp_path / "ab.npy")
    assert ab.dtype == np.float16 and ab.shape == (1, SIZE, SIZE, 2)
    gray = np.asarray(Image.open(tmp_path / "gray.png"))
    np.testing.assert_array_equal(gray, vectors.scene())
    square = Image.fromarray((skimage.color.rgb2lab(skimage.color.gray2rgb(gray))[..., 0] / 50 - 1).astype(np.float32))
    square = np.asarray(square.resize((SIZE, SIZE), Image.Resampling.BILINEAR))[np.newaxis, :, :, np.newaxis]
    np.testing.assert_allclose(ab, exports.generator()(square), atol=2e-3)


@pytest.mark.slow
def test_a_full_disk_is_reported_and_leaves_nothing(exported, tmp_path, run_python):
    printed = run_python(f"""
        import pathlib, resource, signal, sys
        sys.path.insert(0, {str(ROOT / "tests" / "helpers")!r})
        import exports
        from tf_colorize import export
        generator, folder = exports.generator(), pathlib.Path({str(tmp_path)!r})
        # A limit on the size of files stands in for a disk without space.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))
        for function, name in ((export.export_saved_model, "1"), (export.export_tflite, "a.tflite")):
            try:
                function(generator, folder / name, image_size=64, photos={str(exported.photos)!r})
            except OSError as error:
                print("refused:", error)
    """)
    assert printed.count("refused: ") == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_no_file_would_stay_if_an_export_were_killed(tmp_path, run_python):
    (tmp_path / "tmp").mkdir()
    printed = run_python(f"""
        import pathlib, tempfile
        import tensorflow as tf
        from tf_colorize import whole
        from tf_colorize.export import artifact
        place = pathlib.Path({str(tmp_path)!r})
        tempfile.tempdir = str(place / "tmp")
        module = tf.Module()
        module.half = tf.function(lambda x: x / 2, input_signature=[tf.TensorSpec([None])])
        artifact.save_graph(module, place / "1", {{"serving_default": module.half}})
        print(list((place / "tmp").iterdir()), tempfile.tempdir == str(place / "tmp"))
    """)
    assert printed.splitlines()[-1] == "[] True" and (tmp_path / "1" / "saved_model.pb").exists()


def test_an_interrupt_while_an_export_is_exchanged_loses_neither(tmp_path, monkeypatch):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "saved_model.pb").touch()
    replace, calls = pathlib.Path.replace, []

    def interrupted(path, target):
        calls.append(path)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return replace(path, target)

    monkeypatch.setattr(pathlib.Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt), artifact.written_whole(tmp_path / "1", overwrite=True) as temporary:
        temporary.mkdir()
    assert len(calls) == 3 and [path.name for path in (tmp_path / "1").iterdir()] == ["saved_model.pb"]
    with artifact.written_whole(tmp_path / "1", overwrite=True) as temporary:
        temporary.mkdir()
        (temporary / "new").touch()
    assert [path.name for path in (tmp_path / "1").iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["1"]


def test_an_export_never_replaces_a_folder_of_other_files(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").touch()
    lost = pytest.raises(ValueError, match="photos: is a folder of other files, which would be lost")
    with lost, artifact.written_whole(tmp_path / "photos", overwrite=True):
        pytest.fail("it would be replaced")
    assert [path.name for path in tmp_path.rglob("*")] == ["photos", "a.jpg"]


@pytest.mark.slow
def test_weights_are_rounded_only_where_the_picture_stays(exported, tmp_path):
    assert exported.report.half_precision
    # One kernel beyond float16's range, undone by the next layer.
    weights = exports.generator().get_weights()
    scaled = keras.models.clone_model(exports.generator())
    scaled.set_weights([weights[0] * 1e6, weights[1] * 1e6, *weights[2:]])
    scaled.get_layer("norm").moving_variance.assign(weights[5] * 1e12)
    scaled.get_layer("norm").moving_mean.assign(weights[4] * 1e6)
    report = export.export_saved_model(scaled, tmp_path / "1", image_size=SIZE, photos=exported.photos)
    assert not report.half_precision and report.agreement.maximum < 0.5
    stored = tf.train.load_checkpoint(str(tmp_path / "1" / "variables" / "variables")).get_variable_to_dtype_map()
    assert tf.float16 not in stored.values()
