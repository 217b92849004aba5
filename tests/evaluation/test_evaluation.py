"""Evaluation against scikit-image, against colorizers whose figures are known, and end to end."""

import base64
import csv
import hashlib
import html.parser
import importlib.util
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree

import keras
import numpy as np
import pytest
import pytorch_oracles
import skimage.color
import skimage.data
import tiny_models
from PIL import Image

from tf_colorize import evaluation
from tf_colorize.color import colorfulness
from tf_colorize.commands import evaluate
from tf_colorize.evaluation import features, measures, perceptual, protocols
from tf_colorize.evaluation.report import charts, figures, pictures, records
from tf_colorize.models import backbones, saving

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder of three color photos that are not square."""
    folder = tmp_path_factory.mktemp("photos")
    for name, picture in [
        ("astronaut.png", skimage.data.astronaut()[:300, :400]),
        ("cat.png", skimage.data.chelsea()),
        ("coffee.jpg", skimage.data.coffee()),
    ]:
        Image.fromarray(picture).save(folder / name, quality=95)
    return folder


def oracle(folder, protocol="crop256"):
    """The colorizer that knows the truth of each gray picture."""
    known = [protocols.load(path, protocol) for path in sorted(folder.iterdir())]
    answers = {sample.gray.tobytes(): sample.truth for sample in known}
    return lambda gray: answers[gray.tobytes()]


def mean_pixel_features():
    inputs = keras.Input((256, 256, 3))
    return features.FeatureModel("mean pixel", keras.Model(inputs, keras.layers.Identity()(inputs)))


def crop256(folder):
    return [protocols.load(path, "crop256").truth for path in sorted(folder.iterdir())]


def test_knowing_the_truth_scores_perfectly(photos):
    scores = evaluation.evaluate_colorizer(oracle(photos), photos, feature_model=mean_pixel_features())
    assert scores["psnr"] == measures.MAX_PSNR
    assert scores["ssim"] == pytest.approx(1, abs=1e-6)
    assert scores["chroma_ratio"] == 1
    assert scores["colorfulness"] == scores["truth_colorfulness"] > 20
    assert scores["frechet_distance"] == pytest.approx(0, abs=1e-6)
    assert scores["kernel_distance"] == pytest.approx(0, abs=1e-9)
    assert scores["patches"] == 1
    zero = ["ciede2000", "ab_error", "colorfulness_difference_of_means", "colorfulness_mean_difference"]
    assert [scores[key] for key in zero] == [0, 0, 0, 0]
    assert scores["photos_per_second"] > 0


def test_gray_baseline_has_the_figures_of_gray(photos):
    result = evaluation.evaluate({}, photos)
    scores = {key: value for key, (value, _, _) in result.figures("gray").items()}
    labs = [skimage.color.rgb2lab(picture) for picture in crop256(photos)]
    assert scores["colorfulness"] == scores["colorfulness_absolute"] == 0
    assert scores["chroma_ratio"] < 0.002
    assert scores["ab_error"] == pytest.approx(np.mean([np.abs(lab[..., 1:]).mean() for lab in labs]), abs=0.01)
    gray_labs = [lab * [1, 0, 0] for lab in labs]
    expected = np.mean([skimage.color.deltaE_ciede2000(*pair).mean() for pair in zip(labs, gray_labs)])
    assert scores["ciede2000"] == pytest.approx(expected, abs=0.05)


def test_differences_of_colorfulness_are_of_means_and_of_photos(photos):
    answer = oracle(photos)

    def swapped(gray):  # every photo gets the colors of its truth turned upside down, except the cat, which stays gray
        truth = answer(gray)
        return gray if np.array_equal(truth, crop256(photos)[1]) else truth[::-1]

    scores = evaluation.evaluate_colorizer(swapped, photos)
    cat = colorfulness.colorfulness(crop256(photos)[1])
    assert scores["colorfulness_difference_of_means"] == pytest.approx(-cat / 3, abs=1e-4)
    assert scores["colorfulness_mean_difference"] == pytest.approx(cat / 3, abs=1e-4)


def test_warm_tint_gives_every_pixel_the_same_color(photos):
    tinted = protocols.warm_tint(protocols.load(photos / "cat.png", "crop256").gray)
    mean = skimage.color.rgb2lab(tinted)[..., 1:].mean((0, 1))
    np.testing.assert_allclose(mean, protocols.WARM_TINT, atol=0.2)  # 8 bit


def test_colorizers_see_the_lightness_of_the_photo_and_no_color(photos):
    sample = protocols.load(photos / "coffee.jpg", "crop256")
    assert (sample.gray == sample.gray[..., :1]).all()
    lightness = [skimage.color.rgb2lab(picture)[..., 0] for picture in (sample.gray, sample.truth)]
    assert np.abs(lightness[0] - lightness[1]).max() < 0.35  # half of a gray level


def test_the_command_offers_the_protocols_of_the_library():
    assert set(evaluate.PROTOCOLS) == set(evaluation.PROTOCOLS)


def test_protocols_frame_photos(tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (256, 300, 3), np.uint8)
    Image.fromarray(picture).save(tmp_path / "wide.png")
    Image.fromarray(picture[:100, :60]).save(tmp_path / "small.png")
    wide = {name: protocols.load(tmp_path / "wide.png", name).truth for name in evaluation.PROTOCOLS}
    np.testing.assert_array_equal(wide["crop256"], picture[:, 22:278])
    np.testing.assert_array_equal(wide["full"], picture)
    squashed = np.asarray(Image.fromarray(picture).resize((256, 256), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(wide["squash256"], squashed)
    enlarged = Image.fromarray(picture[20:80, :60]).resize((256, 256), Image.Resampling.BICUBIC)
    small = protocols.load(tmp_path / "small.png", "crop256").truth
    assert np.abs(small[8:-8, 8:-8].astype(int) - np.asarray(enlarged)[8:-8, 8:-8]).max() <= 1


def test_whole_photos_of_many_sizes_are_measured(photos):
    result = evaluation.evaluate(
        {"oracle": oracle(photos, "full")}, photos, protocol="full", features=mean_pixel_features()
    )
    assert result.figures("oracle")["ciede2000"][0] == 0
    pixels = sum(Image.open(path).width * Image.open(path).height for path in photos.iterdir())
    assert [counts.sum() for counts in result.histograms["truth"]] == [pixels, pixels]


def test_the_same_input_gives_the_same_record(photos, tmp_path):
    run = records.Run("python scripts/evaluate.py", {"sepia": "sepia"})
    written = []
    for name in ("first", "second"):
        sepia = {"sepia": lambda gray: (gray * np.array([1, 0.9, 0.7])).astype(np.uint8)}
        result = evaluation.evaluate(sepia, photos, features=mean_pixel_features())
        records.write_metrics(tmp_path / f"{name}.json", result, run)
        records.write_photos(tmp_path / f"{name}.csv", result)
        content = json.loads((tmp_path / f"{name}.json").read_text())
        content.pop("run")
        written.append((json.dumps(content), (tmp_path / f"{name}.csv").read_bytes()))
    assert written[0] == written[1]


def test_intervals_surround_the_value_and_shrink_to_it_without_spread(photos, tmp_path):
    value, lower, upper = evaluation.evaluate({}, photos).figures("gray")["psnr"]
    assert lower < value < upper
    for name in ("a.png", "b.png"):
        Image.fromarray(skimage.data.coffee()).save(tmp_path / name)
    value, lower, upper = evaluation.evaluate({}, tmp_path).figures("gray")["psnr"]
    assert lower == value == upper


def test_what_cannot_be_read_is_named_and_the_rest_measured(photos, tmp_path):
    broken, tiny = tmp_path / "broken.jpg", tmp_path / "tiny.png"
    broken.write_bytes((photos / "coffee.jpg").read_bytes()[:4000])
    Image.new("RGB", (40, 5)).save(tiny)
    paths = [broken, photos / "cat.png", tiny, tmp_path / "missing.png"]
    result = evaluation.evaluate({}, paths, protocol="full")
    assert result.photos == [photos / "cat.png"]
    assert [path for path, _ in result.skipped] == [str(broken), str(tiny), str(tmp_path / "missing.png")]
    assert all(path in reason for path, reason in result.skipped)
    with pytest.raises(ValueError, match="broken.jpg"):
        evaluation.evaluate({}, [broken])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"protocol": "crop224"}, "`protocol`.*crop224"),
        ({"photos": []}, "`photos` must hold at least one"),
        ({"colorizers": {"gray": lambda gray: gray}}, "`colorizers`.*'gray'"),
        ({"colorizers": {"half": lambda gray: gray[::2]}}, "'half'.*128"),
        ({"colorizers": {"float": lambda gray: gray / 255}}, "'float'.*float64"),
    ],
)
def test_wrong_arguments_are_refused(photos, arguments, message):
    with pytest.raises(ValueError, match=message):
        evaluation.evaluate(**{"colorizers": {}, "photos": photos, **arguments})


def test_feature_distance_needs_two_photos(photos):
    with pytest.raises(ValueError, match="at least two"):
        evaluation.evaluate({}, [photos / "cat.png"], features=mean_pixel_features())


def test_resnet18_features_are_those_of_the_backbone(photos, tmp_path):
    backbone = backbones.resnet18(None)
    backbone.save_weights(tmp_path / "b.weights.h5")
    model = features.load(tmp_path / "b.weights.h5")
    assert (model.name, model.dimension) == ("Frechet distance (ResNet18 layer3)", 256)
    pictures_ = np.stack(crop256(photos))
    normalized = (pictures_ / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    expected = np.asarray(backbone.predict_on_batch(normalized.astype("float32"))[3]).mean((1, 2))
    np.testing.assert_allclose(model(pictures_), expected, rtol=1e-3, atol=1e-4)


def test_keras_feature_model_sees_bytes_and_is_named_after_its_file(photos, tmp_path):
    inputs = keras.Input((256, 256, 3))
    keras.Model(inputs, keras.layers.GlobalAveragePooling2D(name="pool")(inputs)).save(tmp_path / "mean_color.keras")
    model = features.load(tmp_path / "mean_color.keras")
    assert (model.name, model.dimension) == ("Frechet distance (mean_color)", 3)
    expected = [picture.mean((0, 1)) for picture in crop256(photos)]
    np.testing.assert_allclose(model(np.stack(crop256(photos))), expected, rtol=1e-5)


@pytest.mark.parametrize("source", ["none", "auto", "missing.weights.h5"])
def test_untrained_features_are_refused(source):
    with pytest.raises(ValueError, match=f"`source`.*{source}"):
        features.load(source)


def test_feature_model_must_give_vectors():
    inputs = keras.Input((8, 8, 3))
    with pytest.raises(ValueError, match="`model` must return one tensor"):
        features.FeatureModel("two", keras.Model(inputs, [inputs, inputs]))


@pytest.mark.slow
def test_inception_without_network_is_an_error(tmp_path):
    code = (
        "from tf_colorize.evaluation import features\ntry: features.load('inception')\nexcept ValueError as e: print(e)"
    )
    environment = {**os.environ, "KERAS_HOME": str(tmp_path), "https_proxy": "http://127.0.0.1:9"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert "'inception' needs weights that could not be fetched" in done.stdout


def test_hash_of_a_model(tmp_path):
    (tmp_path / "m" / "variables").mkdir(parents=True)
    (tmp_path / "m" / "saved_model.pb").write_bytes(b"graph")
    file = tmp_path / "m" / "variables" / "v.data"
    file.write_bytes(b"weights")
    before = records.sha256_of(tmp_path / "m")
    assert records.sha256_of(file) == hashlib.sha256(b"weights").hexdigest()
    file.rename(file.with_name("w.data"))
    assert records.sha256_of(tmp_path / "m") != before
    (tmp_path / "m" / "generator.keras").write_bytes(b"model")
    assert records.sha256_of(tmp_path / "m") == hashlib.sha256(b"model").hexdigest()
    assert records.sha256_of("http://localhost:8501") is None


def test_table_has_every_figure_and_colorizer(photos):
    result = evaluation.evaluate({"sepia": lambda gray: gray}, photos)
    view = figures.table(result)
    assert [column.header for column in view.columns] == ["", "gray", "warm tint", "sepia", "truth"]
    left_out = {"frechet_distance", "kernel_distance", "lpips"}  # nobody asked
    assert view.row_count == len(figures.FIGURES) - len(left_out) + 1  # and photos/s


def test_lpips_is_a_figure_where_it_is_measured(photos, tmp_path):
    def distance(truth, prediction):
        assert truth.shape == prediction.shape and truth.shape[1:] == (256, 256, 3) and truth.dtype == np.uint8
        return np.abs(truth - prediction.astype(float)).mean(axis=(1, 2, 3))

    result = evaluation.evaluate({}, photos, protocol="full", lpips=distance)
    grays = [protocols.load(path, "crop256").gray for path in sorted(photos.iterdir())]
    expected = np.mean([np.abs(a - b.astype(float)).mean() for a, b in zip(grays, crop256(photos))])
    value, lower, upper = result.figures("gray")["lpips"]
    assert lower < value < upper and value == pytest.approx(expected, rel=0.01)
    assert [figure.title for figure in figures.shown(result)].count("LPIPS (AlexNet, v0.1)") == 1
    records.write_photos(tmp_path / "photos.csv", result)
    with open(tmp_path / "photos.csv", newline="") as file:
        rows = [float(row["lpips"]) for row in csv.DictReader(file) if row["model"] == "gray"]
    assert np.mean(rows) == pytest.approx(value, abs=1e-5)


def alexnet_features(rgb, arrays):
    """The five maps of AlexNet, by NumPy alone."""
    x = (rgb / 127.5 - 1 - [-0.030, -0.088, -0.188]) / [0.458, 0.448, 0.450]
    maps = []
    for number, (stride, padding) in enumerate([(4, 2), (1, 2), (1, 1), (1, 1), (1, 1)], start=1):
        if number in (2, 3):
            x = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(0, 1))[::2, ::2].max(axis=(-2, -1))
        kernel = arrays[f"conv{number}_kernel"]
        x = np.pad(x, [(padding, padding)] * 2 + [(0, 0)])
        windows = np.lib.stride_tricks.sliding_window_view(x, kernel.shape[:2], axis=(0, 1))[::stride, ::stride]
        x = np.maximum(np.einsum("rcihw,hwio->rco", windows, kernel) + arrays[f"conv{number}_bias"], 0)
        maps.append(x)
    return maps


def test_lpips_from_a_file_is_its_definition(tmp_path):
    arrays = pytorch_oracles.lpips_weights(tmp_path / "lpips.npz")
    first, second = skimage.data.astronaut()[:64, 200:272], skimage.data.coffee()[:64, 200:272]
    expected = 0
    for one, other, weights in zip(
        alexnet_features(first, arrays), alexnet_features(second, arrays), [arrays[f"lin{n}"] for n in range(5)]
    ):
        unit = [x / (np.linalg.norm(x, axis=-1, keepdims=True) + 1e-10) for x in (one, other)]
        expected += (np.square(unit[0] - unit[1]) * weights).sum(-1).mean()
    distance = perceptual.load(tmp_path / "lpips.npz")
    assert distance(first[np.newaxis], second[np.newaxis]) == pytest.approx([expected], rel=1e-3)
    assert distance(first[np.newaxis], first[np.newaxis]) == [0]


def test_lpips_says_what_its_file_lacks(tmp_path):
    np.savez(tmp_path / "other.npz", conv1_kernel=np.zeros(3))
    for name, reason in (("other.npz", "conv1_bias"), ("missing.npz", "No such file")):
        with pytest.raises(ValueError, match=f"`weights` must be an .npz file.*{reason}"):
            perceptual.load(tmp_path / name)


def inception_weights(path, *, leave_out=None):
    """A file of random weights shaped as FID's Inception, with few channels."""
    random, arrays = np.random.default_rng(0), {}

    def add(name, before, after, side=(1, 1), valid=0, stride=0):
        if name != leave_out:
            arrays[f"{name}/kernel"] = random.normal(0, 0.3, (*side, before, after)).astype(np.float16)
            arrays[f"{name}/bias"] = np.zeros(after, np.float16)
            arrays[f"{name}/valid_s2"] = np.int8([valid, stride])

    add("conv", 3, 2, (3, 3), 1, 1)
    add("conv_1", 2, 2, (3, 3), 1)
    add("conv_2", 2, 2, (3, 3))
    add("conv_3", 2, 2)
    add("conv_4", 2, 3, (3, 3), 1)
    channels = 3
    for block in range(8):
        name = f"mixed_{block}" if block else "mixed"
        stride = int(block == 3)
        towers = {"tower": 3 if block >= 3 else 2, "tower_1": 0 if stride else (5 if block > 3 else 3)}
        add(f"{name}_conv", channels, 1, (3, 3) if stride else (1, 1), stride, stride)
        for tower, length in towers.items():
            for index in range(length):
                last = stride and index == length - 1
                suffix = f"_{index}" if index else ""
                add(f"{name}_{tower}_conv{suffix}", 1 if index else channels, 1, (3, 3), int(last), int(last))
        if not stride:
            add(f"{name}_tower_2_conv", channels, 1)
        channels = 2 + channels if stride else 4
    np.savez(path, **arrays)


def test_features_of_inception_come_from_a_file(tmp_path):
    inception_weights(tmp_path / "inception.npz")
    model = features.load(tmp_path / "inception.npz")
    assert model.name == "Frechet distance (FID's Inception, mixed_7)" and model.dimension == 4
    pictures = np.stack([skimage.data.astronaut()[:256, :256], skimage.data.coffee()[:256, :256]])
    vectors = model(pictures)
    assert vectors.shape == (2, 4) and np.isfinite(vectors).all() and not np.allclose(*vectors)
    inception_weights(tmp_path / "broken.npz", leave_out="mixed_6_tower_1_conv_4")
    with pytest.raises(ValueError, match="up to mixed_7.*without.*mixed_6_tower_1_conv_4"):
        features.load(tmp_path / "broken.npz")


def test_lpips_without_its_packages_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "lpips", None)
    with pytest.raises(ValueError, match=r'pip install ".*\[lpips\]"'):
        perceptual.Lpips()


def test_lpips_takes_no_other_weights_for_its_own(tmp_path):
    for package in ("lpips", "torchvision"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    script = """
import numpy as np, skimage.data, torch, torchvision
from tf_colorize.evaluation import perceptual
def refusal():
    try: return perceptual.Lpips() and None
    except ValueError as error: return str(error)
assert "could not be fetched" in refusal() and "alexnet" in refusal()
torch.save(torchvision.models.alexnet().state_dict(), torch.hub.get_dir() + "/checkpoints/alexnet-owt-7be5be79.pth")
assert "other contents" in refusal()
perceptual._is_named_after_its_hash = lambda file: True  # what it computes once the file passes
distance = perceptual.Lpips()
a, b = (picture[None, :256, :256] for picture in (skimage.data.coffee(), skimage.data.astronaut()))
assert distance(a, a) == 0 and distance(a, b).shape == (1,)
assert distance(a, b) > 0 and np.allclose(distance(a, b), distance(b, a))
"""  # in a process without TensorFlow, and without a network
    env = {**os.environ, "TORCH_HOME": str(tmp_path), "https_proxy": "http://127.0.0.1:9"}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_scatter_puts_points_where_they_belong():
    root = xml.etree.ElementTree.fromstring(
        charts.scatter([(0, 0), (80, 40)], title="a<b", labels=("x", "y"), size=400)
    )
    first, second = (tuple(float(c.get(key)) for key in ("cx", "cy")) for c in root.iter("circle"))
    origin, corner = root.find("polyline").get("points").split()  # the diagonal, from 0 to the end of both axes
    assert f"{first[0]:.1f},{first[1]:.1f}" == origin
    x, y = (float(value) for value in corner.split(","))
    assert second[0] == pytest.approx(x, abs=0.1)  # 80 is where the axis ends
    assert second[1] == pytest.approx((first[1] + y) / 2, abs=0.1)  # and 40 half way up


def test_shares_are_logarithmic():
    text = charts.shares([-1, 0, 1], [1, 99], {"#123456": [0, 100]}, title="t", label="l", width=400, height=300)
    area, line = xml.etree.ElementTree.fromstring(text).iter("polyline")
    heights = [float(point.split(",")[1]) for point in area.get("points").split()]
    bottom, one_percent = heights[0], heights[1]
    top = float(line.get("points").split()[-1].split(",")[1])  # 100 %
    assert (bottom - one_percent) / (bottom - top) == pytest.approx(3 / 5, abs=0.01)  # 1e-5, 1e-2, 1


def test_contact_sheet_fits_pictures_of_any_shape():
    rows = [[Image.new("RGB", size, color) for color in ("red", "blue")] for size in ((90, 30), (30, 90), (50, 50))]
    sheet = pictures.sheet(rows, ["photo", "model"], side=60, across=4)
    colors = np.asarray(sheet).reshape(-1, 3)
    for color in ([255, 0, 0], [0, 0, 255]):
        assert (colors == color).all(1).sum() == 60 * 20 + 20 * 60 + 60 * 60


@pytest.fixture(scope="module")
def finished(photos, tmp_path_factory):
    """The script's results on the photos, a broken one, and a sepia one without truth."""
    folder = tmp_path_factory.mktemp("script")
    inputs = keras.Input((None, None, 1))
    # A yellow that depends on nothing: ab = tanh(bias).
    layer = keras.layers.Conv2D(2, 1, activation="tanh", kernel_initializer="zeros", name="ab")
    generator = keras.Model(inputs, layer(inputs))
    layer.bias.assign(np.arctanh([0.0, 40 / 110]))
    metadata = {"image_size": 64, "lightness_scale": 50.0, "ab_scale": 110.0}
    saving.save_generator(generator, folder / "yellow.keras", metadata)
    pixel = keras.Input((256, 256, 3))
    keras.Model(pixel, keras.layers.AveragePooling2D(64, name="pool")(pixel)).save(folder / "pixel.keras")
    data, bw = folder / "data", folder / "bw"
    data.mkdir()
    bw.mkdir()
    for path in photos.iterdir():
        (data / path.name).write_bytes(path.read_bytes())
    (data / "broken.jpg").write_bytes(b"no picture")
    Image.fromarray(skimage.data.camera()[:200, :300]).save(bw / "camera.png")
    command = [sys.executable, "scripts/evaluate.py", "--model", folder / "yellow.keras", "--features"]
    command += [folder / "pixel.keras", "--data", data, "--bw", bw, "--out", folder / "out"]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, cwd=ROOT, check=False)
    return folder, done


def test_script_writes_its_files_and_names_the_broken_photo(finished):
    folder, done = finished
    assert done.returncode == 1, done.stderr
    assert "broken.jpg" in done.stderr and "CIEDE2000" in done.stdout and "Traceback" not in done.stderr
    assert not re.search("oneDNN|absl::|cuda", done.stderr)  # what TensorFlow logs while it starts
    names = {path.name for path in (folder / "out").iterdir()}
    assert names == {"contact_sheet.jpg", "metrics.json", "photos.csv", "report.html"}


def test_script_measures_what_the_library_measures(finished, photos):
    folder, _ = finished
    content = json.loads((folder / "out" / "metrics.json").read_text())
    assert list(content["models"]) == ["gray", "warm tint", "yellow"]
    assert content["data"]["photos"] == 3 and content["data"]["skipped"] == 1
    assert content["feature_model"] == "Frechet distance (pixel)"
    assert content["models"]["yellow"]["sha256"] == records.sha256_of(folder / "yellow.keras")
    assert {"keras", "tensorflow", "scikit-image"} <= set(content["run"]["versions"])
    assert "--features" in content["run"]["command"] and "LPIPS" in content["run"]["notes"][0]
    with open(folder / "out" / "photos.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["model"] == "yellow"]
    assert [row["photo"] for row in rows] == ["astronaut.png", "cat.png", "coffee.jpg"]
    for key in ("psnr", "ciede2000", "colorfulness"):
        mean = np.mean([float(row[key]) for row in rows])
        assert content["models"]["yellow"]["figures"][key]["value"] == pytest.approx(mean, abs=1e-5)
    truth = [colorfulness.colorfulness(picture) for picture in crop256(photos)]
    np.testing.assert_allclose([float(row["truth_colorfulness"]) for row in rows], truth, atol=1e-5)


def test_report_holds_everything_itself(finished):
    folder, _ = finished
    text = (folder / "out" / "report.html").read_text(encoding="utf-8")
    parser = Balance()
    parser.feed(text)
    assert parser.open == []
    assert not re.search(r'(src|href)="(?!data:)|url\(|@import', text)
    assert text.count("<svg") == 3  # a*, b*, and the scatter of the one model
    images = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', text)
    assert len(images) == 3 * 3 * 3 + 2  # random, best, worst x 3 photos x gray, yellow, truth; one without truth
    sizes = {Image.open(io.BytesIO(base64.b64decode(image))).size for image in images}
    assert sizes == {(256, 256), (256, 171)}
    assert records.sha256_of(folder / "yellow.keras") in text and "scripts/evaluate.py" in text


class Balance(html.parser.HTMLParser):
    """Collects the elements that are not closed in order."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        pass


def test_script_colorizes_photos_without_truth(finished):
    folder, _ = finished
    sheet = np.asarray(Image.open(folder / "out" / "contact_sheet.jpg"))
    lab = skimage.color.rgb2lab(sheet)
    yellow = lab[..., 2] > 20
    assert 0.2 < yellow.mean() < 0.6  # the right one of two pictures
    assert yellow[:, : sheet.shape[1] // 2].mean() < 0.01


@pytest.mark.parametrize("arguments", [["--model", "m.tflite"], ["--model", "m.tflite", "--bw", "."], ["--data", "."]])
def test_script_says_what_is_missing(arguments):
    command = [sys.executable, "scripts/evaluate.py", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_steadiness_of_films_on_the_command_line(photos, tmp_path):
    arguments = ["--model", tiny_models.STORED, "--data", photos, "--film", "2", "--out", tmp_path]
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "evaluate.py"), *map(str, arguments)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    rows = {line.split("│")[1].strip(): line.split("│")[2:-1] for line in done.stdout.splitlines() if "│" in line}
    assert {"truth", "frame by frame", "steadied"} <= set(rows)
    assert all(float(cell) > 0 for cell in rows["frame by frame"])
    with Image.open(tmp_path / "tiny_32.jpg") as sheet:
        assert sheet.width > 256
