"""Hints: read, checked, painted, and followed exactly in every runtime."""

import json
import pathlib
import re
import subprocess
import sys

import agreement
import exports
import keras
import numpy as np
import prediction_server
import pytest
import skimage.color
import skimage.data
import tensorflow as tf
from PIL import Image

from tf_colorize import Colorizer, export
from tf_colorize import hints as hints_module
from tf_colorize.color import lab, oklab
from tf_colorize.inference import runtimes, serving
from tf_colorize.models import grafts

SIZE = exports.IMAGE_SIZE
GRAY = skimage.data.camera()[:300, :400]
WISHES = [(60, 80, "#7a4b2c"), ("70%", "25%", "navy"), (300, 250, (90, 120, 60))]


@pytest.fixture(scope="module")
def generator():
    keras.utils.set_random_seed(1)
    return grafts.add_hints(exports.generator())


@pytest.fixture(scope="module")
def exported(generator, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hinted")
    photos = exports.write_photos(folder / "photos")
    common = {"image_size": SIZE, "photos": photos}
    saved = export.export_saved_model(generator, folder / "colorizer" / "1", **common)
    files = {
        kind: export.export_tflite(generator, folder / f"{kind}.tflite", quantize=kind, **common).path
        for kind in ("none", "float16", "dynamic")
    }
    return saved.path, files


@pytest.fixture(scope="module")
def loaded(exported):
    """The signatures of the SavedModel."""
    model = tf.saved_model.load(str(exported[0]))
    yield model.signatures  # which need the model


@pytest.fixture(scope="module")
def ways(generator, exported):
    saved_model, files = exported
    with prediction_server.serve(saved_model) as (_, addresses):
        yield {
            "Keras": Colorizer.from_keras(generator, image_size=SIZE),
            "SavedModel": Colorizer.from_saved_model(saved_model),
            **{kind: Colorizer.from_tflite(path) for kind, path in files.items()},
            **{protocol: Colorizer.from_server(address) for protocol, address in addresses.items()},
        }


WAYS = ["Keras", "SavedModel", "none", "float16", "dynamic", "http", "grpc"]


def difference_at(picture, gray, x, y, color):
    """CIEDE2000 between a place and a color at the photo's own lightness there, by scikit-image."""
    level = skimage.color.rgb2lab(np.dstack([gray] * 3))[y, x, 0]
    ab = 110 * oklab.ab_of_thing(np.uint8(hints_module.Hint(x, y, color).rgb()), level / 50 - 1)
    wanted = np.array([level, *ab])
    return skimage.color.deltaE_ciede2000(wanted, skimage.color.rgb2lab(picture)[y, x])


@pytest.mark.parametrize("way", WAYS)
def test_a_hint_gives_its_color_at_its_place(ways, way):
    places = [(60, 80, "#7a4b2c"), (280, 75, "navy"), (300, 250, (90, 120, 60))]
    gray = GRAY // 2 + 50  # where these colors exist
    picture = ways[way](gray, hints=WISHES)
    assert max(difference_at(picture, gray, *place) for place in places) < 3
    assert np.abs(picture.astype(int) - ways[way](gray)).max() > 20


@pytest.mark.parametrize("way", WAYS)
def test_all_ways_agree_with_and_without_hints(ways, way):
    for hints in ([], WISHES):
        expected, actual = (ways[one](GRAY, hints=hints).astype(int) for one in ("Keras", way))
        difference = np.abs(actual - expected)
        assert difference.mean() < 3 if way == "dynamic" else difference.max() <= 2


@pytest.mark.slow
def test_the_table_of_agreement_has_rows_with_hints(generator, exported):
    colorizer = Colorizer.from_keras(generator, image_size=SIZE)
    with agreement.ways_with_hints(*exported) as functions:
        assert len(functions) == 2 + 2 + 3 + 1
        for kind in ("color", "alpha", "1 pixel wide", "gray mount"):
            file = agreement.as_png(agreement.photos()[kind])
            expected = colorizer(file, hints=agreement.HINTS)
            assert np.abs(expected.astype(int) - colorizer(file)).max() > 20
            for name, function in functions.items():
                if name.startswith("tf-colorize") and kind != "color":
                    continue  # a process each
                distance = agreement.distance(function(file), expected)
                far = np.count_nonzero(distance > 2)
                assert distance.mean() < 3 if "dynamic" in name else far <= max(1, distance.size // 1000), (name, kind)


@pytest.mark.parametrize("kind", ["none", "float16", "dynamic"])
def test_without_hints_the_result_is_bit_identical_to_the_automatic_one(exported, kind):
    automatic = runtimes.from_tflite(exports.exported().tflite[kind], threads=1)
    hinted = runtimes.from_tflite(exported[1][kind], threads=1)
    square = np.random.default_rng(0).uniform(-1, 1, (1, SIZE, SIZE, 1)).astype(np.float32)
    np.testing.assert_array_equal(hinted.predict_ab(square), automatic.predict_ab(square))


def test_the_example_without_this_package_gives_the_automatic_result(exported, tmp_path):
    example = pathlib.Path(__file__).parents[2] / "examples" / "tflite_without_tf_colorize.py"
    Image.fromarray(GRAY).save(tmp_path / "gray.png")
    arguments = [exported[1]["none"], tmp_path / "gray.png", tmp_path / "color.png"]
    subprocess.run([sys.executable, example, *arguments], check=True)
    expected = Colorizer.from_tflite(exported[1]["none"])(GRAY).astype(int)
    assert np.abs(np.asarray(Image.open(tmp_path / "color.png")) - expected).max() <= 1


def test_tflite_is_builtin_operations(exported):
    from ai_edge_litert import interpreter as litert

    interpreter = litert.Interpreter(str(exported[1]["dynamic"]))
    interpreter.allocate_tensors()
    names = {
        detail["name"].split(":")[0].removeprefix("serving_default_") for detail in interpreter.get_input_details()
    }
    assert names == {"lightness", "hints"}
    assert not [name for op in interpreter._get_ops_details() if (name := op["op_name"]).startswith(("Flex", "CUSTOM"))]


@pytest.mark.slow
def test_int8_files_take_no_hints(generator, tmp_path):
    photos = exports.write_photos(tmp_path / "photos", 216)
    report = export.export_tflite(generator, tmp_path / "x.tflite", quantize="int8", image_size=SIZE, photos=photos)
    assert report.agreement.mean < 1 and not Colorizer.load(report.path).takes_hints


@pytest.mark.parametrize("mount", [None, 120])
@pytest.mark.parametrize("wishes", [WISHES, [*WISHES, (5, 150, "navy")]], ids=["in the photo", "in the mount"])
def test_colorize_with_hints_is_the_same_on_the_server(generator, loaded, mount, wishes):
    gray = GRAY if mount is None else np.pad(GRAY[40:-40, 40:-40], 40, constant_values=mount)
    rgb = np.dstack([gray] * 3)[np.newaxis]
    lightness = Colorizer.from_keras(generator, image_size=SIZE).lightness(gray)
    painted = hints_module.raster(hints_module.hints_of(wishes), (400, 300), lightness)
    result = loaded["colorize_with_hints"](image=tf.constant(rgb), hints=tf.constant(painted))["image"]
    expected = Colorizer.from_keras(generator, image_size=SIZE)(gray, hints=wishes).astype(int)
    assert np.abs(result.numpy()[0] - expected).max() <= 2
    assert (np.ptp(expected[:30], axis=-1).max() == 0) == (mount is not None and wishes is WISHES)


@pytest.mark.parametrize("vividness", [0.3, 0.8, 1.4, 2.0])
def test_vividness_does_not_change_the_color_of_a_hint(ways, vividness):
    gray = np.full((80, 100), 128, np.uint8)
    wish = (50, 40, "#806050")
    assert difference_at(ways["none"](gray, hints=[wish], vividness=vividness), gray, *wish) < 3
    with pytest.raises(ValueError, match="`vividness` must be over 0 with `hints`"):
        ways["none"](gray, hints=[wish], vividness=0.0)


@pytest.mark.parametrize("shape", [(40, 30), (31, 500), (1, 1), (1, 90), (700, 900)], ids=str)
def test_photos_of_any_size_take_hints(ways, shape):
    gray = np.full(shape, 140, np.uint8)
    wish = (shape[1] // 2, shape[0] // 2, "#a08050")
    assert difference_at(ways["none"](gray, hints=[wish]), gray, *wish) < 3


def test_places_are_those_of_the_upright_photo(ways, tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(GRAY).save(tmp_path / "x.png", exif=exif.tobytes())
    upright = np.ascontiguousarray(np.rot90(GRAY, -1))
    wishes = [(20, 350, "#a05030")]  # outside the file's own 400 x 300
    np.testing.assert_array_equal(ways["none"](tmp_path / "x.png", hints=wishes), ways["none"](upright, hints=wishes))


def test_a_model_without_hints_is_reported():
    colorizer = Colorizer.from_keras(exports.generator(), image_size=SIZE)
    assert not colorizer.takes_hints
    with pytest.raises(ValueError, match="the model takes no hints"):
        colorizer(GRAY, hints=WISHES)
    with prediction_server.serve(exports.exported().saved_model) as (_, addresses):
        for address in addresses.values():
            with serving.Client(address) as client:
                assert not client.takes_hints
                assert not Colorizer.from_server(address).takes_hints


def test_a_hint_is_painted_around_its_place_and_the_nearer_one_wins():
    one, other = hints_module.hints_of([(100, 50, "#ff0000"), (104, 50, "#0000ff")])
    middle = np.full((1, 100, 100, 1), 0.1, np.float32)
    painted = hints_module.raster([one, other], (400, 200), middle)[0]
    rows, columns = np.nonzero(painted[..., 2])
    assert rows.min() >= 24 and rows.max() <= 26 and columns.min() >= 24 and columns.max() <= 27
    expected = oklab.ab_of_thing(np.uint8([[255, 0, 0], [0, 0, 255]]), np.full(2, 0.1))
    np.testing.assert_allclose(painted[25, [25, 26], :2], expected, atol=1e-6)
    large = hints_module.raster([hints_module.Hint(200, 100, "red", size=80)], (400, 200), middle)
    assert large[..., 2].sum() == 20 * 40


def test_a_hint_takes_the_mean_lightness_of_its_own_square():
    lightness = np.random.default_rng(0).uniform(-0.5, 0.5, (1, 64, 64, 1)).astype(np.float32)
    navy, gold = hints_module.hints_of([(20, 30, "navy"), (22, 30, "gold")])
    painted = hints_module.raster([navy, gold], (64, 64), lightness)[0]
    expected = [
        oklab.ab_of_thing(np.uint8(one.rgb()), lightness[0, 29:32, one.x - 1 : one.x + 2].mean(dtype=float))
        for one in (navy, gold)
    ]
    np.testing.assert_allclose(painted[30, [20, 22], :2], expected, atol=1e-6)
    assert painted[..., 2].sum() == 3 * 5


@pytest.mark.parametrize(
    ("hint", "message"),
    [
        ("nonsense", "must be like 120,340=#7a4b2c"),
        ("12,no=#7a4b2c", "x and y must be numbers of pixels, or percent"),
        ((1, 2, "#7a4b2"), "hint color '#7a4b2': must be like #7a4b2c"),
        ((1, 2, "blau"), "must be like #7a4b2c, a color name"),
        ((1, 2, (float("inf"), 2, 3)), "three numbers from 0 to 255"),
        ((1, 2, "rgb(300, 0, 0)"), "three numbers from 0 to 255"),
        ("1,2=rgb(999%,0%,0%)", "three numbers from 0 to 255"),
        ((1, 2, (1, 2, 300)), "three numbers from 0 to 255"),
        ((1, 2), r"must be \(x, y, color\)"),
        (7, r"must be \(x, y, color\)"),
        ((float("nan"), 2, "red"), "x and y must be numbers"),
        ((10**400, 2, "red"), "x and y must be numbers"),
        ((400, 2, "red"), "hint at 400,2: must be inside the photo, which has 400 x 300 pixels"),
        ((4, "101%", "red"), "must be inside the photo"),
        ((4, 5, "red", 0), "hint size 0: must be a number of pixels over 0"),
        ((4, 5, "red", None, -0.1), "hint time -0.1: must be seconds from the start of a film, 0 or more"),
        ((4, 5, "red", None, True), "hint time True: must be seconds"),
        ((-1, 2, "red"), "must be inside the photo"),
    ],
)
def test_bad_hints_are_reported_in_one_clear_line(ways, hint, message):
    with pytest.raises(ValueError, match=message) as error:
        ways["none"](GRAY, hints=[hint])
    assert "\n" not in str(error.value)


def test_too_many_hints_are_refused_at_once(ways):
    with pytest.raises(ValueError, match="the hints must be at most 500. Received: 10000 hints"):
        ways["none"](GRAY, hints=[(1, 1, "red")] * 10_000)


def test_files_come_back_as_they_were_written(tmp_path):
    hints_module.write([(120, 340, "#7a4b2c"), "25%,40%=navy"], tmp_path / "photo.hints.json")
    found = hints_module.read(tmp_path / "photo.hints.json")
    assert found == [hints_module.Hint(120, 340, "#7a4b2c"), hints_module.Hint("25%", "40%", "#000080")]
    assert found[1].place(200, 100) == (50.0, 40.0)
    full = [hints_module.Hint(1, 2, "#7a4b2c", size=6, time=2.5), hints_module.Hint(3, 4, "#000080", time=0)]
    hints_module.write(full, tmp_path / "film.hints.json")
    assert hints_module.read(tmp_path / "film.hints.json") == full
    assert hints_module.Hint("100%", "0%", "red").place(200, 100) == (199, 0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not valid JSON"),
        ("[]", "not a hints file. It must be like"),
        ({"version": 1}, "not a hints file"),
        ({"version": 2, "hints": []}, "has version 2; this version of tf-colorize reads 1"),
        ({"hints": []}, "has version None"),
        ({"version": 1, "hints": [{"x": 1}]}, 'hint {"x": 1}: must be like'),
        ({"version": 1, "hints": [{"x": 1, "y": 2, "color": "#12"}]}, "hint color '#12': must be like"),
        (
            {"version": 1, "hints": [{"x": 1, "y": 2, "color": "red", "time": "2 s"}]},
            "hint time 2 s: must be seconds",
        ),
        ({"version": 1, "hints": [{"x": 1, "y": 2, "color": "red"}] * 10_000}, "must be at most 500"),
    ],
)
def test_bad_files_are_reported_in_one_clear_line_with_their_name(tmp_path, content, message):
    path = tmp_path / "photo.hints.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(ValueError, match=f"^{re.escape(str(path))}: .*{re.escape(message)}") as error:
        hints_module.read(path)
    assert "\n" not in str(error.value)


def test_a_gray_hint_keeps_its_place_gray(ways):
    picture = ways["none"](GRAY, hints=[(200, 150, "gray")])
    assert np.ptp(picture[150, 200].astype(int)) <= 2
    assert np.abs(lab.rgb_to_lightness_ab(picture)[1]).max() > 0.1
