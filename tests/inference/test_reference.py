"""A color photo as reference: objects that are found again get their colors."""

import dataclasses

import numpy as np
import pytest
import skimage
import tiny_models
from PIL import Image

import tf_colorize
from tf_colorize import Look, look_files
from tf_colorize.color.look import Reference
from tf_colorize.hints import WithHints, raster
from tf_colorize.inference import insight, matching

PHOTOS = {"astronaut": np.s_[20:340, 60:380], "chelsea": np.s_[0:290, 60:350], "coffee": np.s_[40:360, 100:420]}


@pytest.fixture(scope="module")
def colorizer():
    return tf_colorize.Colorizer.load(threads=1)


def photo(name):
    return np.ascontiguousarray(getattr(skimage.data, name)()[PHOTOS[name]])


def reference(rgb, **fields):
    return Reference("", rgb.shape[1::-1], rgb.tobytes(), **fields)


def gray(rgb):
    return np.asarray(Image.fromarray(rgb).convert("L"))


def crops(rgb):
    """Two crops that have three quarters of their sides in common, on no common grid."""
    side = round(0.8 * len(rgb))
    return rgb[:side, :side].copy(), rgb[-side:, -side - 3 : -3].copy()


def psnr(truth, rgb):
    return skimage.metrics.peak_signal_noise_ratio(truth, rgb)


def test_another_crop_of_a_photo_gives_it_its_colors(colorizer):
    gains = []
    for name in PHOTOS:
        target, other = crops(photo(name))
        alone, colored = (colorizer(gray(target), look=look) for look in (Look(), Look(reference=[reference(other)])))
        gains.append(psnr(target, colored) - psnr(target, alone))
    assert np.mean(gains) > 3 and min(gains) > 0.8, gains


def test_a_reference_without_similar_places_changes_nothing(colorizer):
    target = gray(photo("chelsea"))
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3)).astype(np.uint8)
    look = Look(reference=(reference(noise),))
    assert not matching.wanted(colorizer.lightness(target), look.reference, 224).any()
    np.testing.assert_array_equal(colorizer(target, look=look), colorizer(target))


def test_the_result_repeats_and_the_most_similar_reference_counts(colorizer):
    target, other = crops(photo("coffee"))
    red = np.ascontiguousarray(photo("chelsea"))
    looks = [Look(reference=(reference(other), reference(red))), Look(reference=(reference(red), reference(other)))]
    first, second = (colorizer(gray(target), look=look) for look in looks)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, colorizer(gray(target), look=looks[0]))


def test_matches_are_mutually_the_most_similar():
    generator = np.random.default_rng(0)
    first, second = generator.normal(size=(40, 7)), generator.normal(size=(30, 7))
    both = np.concatenate([first, second])
    scaled = (both - both.mean(axis=0)) / (both.std(axis=0) + 1e-3 * both.std())
    expected = {}
    cosine = lambda p, q: float(np.dot(p, q) / np.linalg.norm(p) / np.linalg.norm(q))  # noqa: E731
    for i, p in enumerate(scaled[:40]):
        j = max(range(30), key=lambda k: cosine(p, scaled[40 + k]))
        if i == max(range(40), key=lambda k: cosine(scaled[k], scaled[40 + j])):
            expected[i] = (j, cosine(p, scaled[40 + j]))
    likeness = matching.likeness(first, second)
    places, twins = matching.mutual(likeness)
    cosines = likeness[places, twins]
    assert dict(zip(places.tolist(), twins.tolist())) == {i: j for i, (j, _) in expected.items()}
    np.testing.assert_allclose(cosines, [expected[i][1] for i in places], rtol=1e-6)


def test_a_match_that_could_as_well_have_another_color_is_uncertain():
    colors = np.float32([[0.0, 0.0], [0.05, 0.0], [0.3, 0.2]])
    sure = matching.certainty(np.float32([0.92, 0.9, 0.1]), 0, colors)
    assert sure == pytest.approx(1.0, abs=1e-5)  # the similar one has a similar color
    # By hand: 0.1 before another color, half of the margin, and halfway from "counts" to "certain".
    halfway = 0.5 * (0.55 + 0.92)
    assert matching.certainty(np.float32([halfway, 0.0, halfway - 0.1]), 0, colors) == pytest.approx(0.25, abs=1e-4)
    assert matching.certainty(np.float32([0.9, 0.1, 0.9]), 0, colors) == 0.0
    assert matching.certainty(np.float32([0.9]), 0, colors[:1]) == pytest.approx((0.9 - 0.55) / 0.37, abs=1e-5)


def test_the_strength_of_a_few_places_moves_the_whole_picture_little():
    automatic = np.full((1, 8, 8, 2), 0.3, np.float32)
    gray = np.zeros((1, 8, 8, 3), np.float32)
    gray[0, :4, :4, 2] = 1.0
    assert Look().prepared(automatic, gray).strength == 0.75
    vivid = gray + np.float32([0.9, 0.9, 0.0])
    assert Look().prepared(automatic, vivid).strength == 1.5


def test_at_most_sixty_places_are_used_and_none_near_a_hint(colorizer):
    target, other = crops(photo("astronaut"))
    lightness = colorizer.lightness(gray(target))
    cell = 224 // insight.GRID
    free = matching.wanted(lightness, (reference(other),), 224)[0, ::cell, ::cell, 2] > 0
    assert 20 <= free.sum() <= matching.MOST
    down, across = np.argwhere(free)[0]
    given = np.zeros((1, 224, 224, 3), np.float32)
    given[0, down * cell + 3, across * cell + 3] = (0.1, 0.1, 1)
    left = matching.wanted(lightness, (reference(other),), 224, given)[0, ::cell, ::cell, 2] > 0
    assert not left[down, across]


def test_a_hint_keeps_its_color_beside_a_reference(colorizer):
    target, other = crops(photo("coffee"))
    rgb = colorizer(
        gray(target),
        hints=[(60, 60, "#3050c0")],
        look=Look(vividness=1.3, warmth=0.5, reference=(reference(other),)),
    )
    wanted = tf_colorize.color.lab.rgb_to_lightness_ab(np.array([[[0x30, 0x50, 0xC0]]], np.uint8))[1][0, 0]
    shown = tf_colorize.color.lab.rgb_to_lightness_ab(rgb)[1][60, 60]
    assert np.linalg.norm(110 * (wanted - shown)) < 6


def test_references_count_as_much_as_they_are_certain():
    automatic = np.full((1, 4, 4, 2), 0.1, np.float32)
    wanted = np.zeros((1, 4, 4, 3), np.float32)
    wanted[0, 0, 0] = (0.2, 0.1, 1.0)
    wanted[0, 1, 1] = (0.2, 0.1, 0.25)
    prepared = Look().prepared(automatic, wanted)
    # By hand: means over 16 places of sureness times length, and ab of 0.1 on a fortieth of the picture.
    there = 1.25 * np.hypot(0.2, 0.1) / 16 + 0.1 / 40
    here = 1.25 * np.hypot(0.1, 0.1) / 16 + 0.1 / 40
    assert prepared.strength == pytest.approx(there / here)
    hints = prepared.hints()
    np.testing.assert_allclose(prepared.strength * hints[0, 0, 0, :2], (0.2, 0.1), rtol=1e-6)
    np.testing.assert_allclose(prepared.strength * hints[0, 1, 1, :2], (0.125, 0.1), rtol=1e-6)
    assert hints[..., 2].sum() == 2 and not hints[0, 2:].any()
    assert Look().prepared(automatic, 0 * wanted) == Look().prepared()


def test_a_reference_in_a_film_applies_until_the_next():
    rgb = np.zeros((1, 1, 3), np.uint8)
    always, first, second = (reference(rgb, time=time) for time in (None, 2.0, 5.5))
    look = Look(warmth=0.2, reference=(always, first, second))
    assert look.at(1.9) == Look(warmth=0.2, reference=(always,))
    assert look.at(2.0) == look.at(5.4) == Look(warmth=0.2, reference=(always, first))
    assert look.at(5.5) == Look(warmth=0.2, reference=(always, second))
    assert look.described()["reference"][1] == ["", look.described()["reference"][0][1], 2.0]


def test_a_model_without_hints_takes_no_reference():
    rgb = photo("coffee")
    plain = tf_colorize.Colorizer(lambda lightness: np.zeros((*lightness.shape[:-1], 2), np.float32), 16)
    with pytest.raises(ValueError, match="takes no hints, so no reference either"):
        plain(gray(rgb), look=Look(reference=(reference(rgb),)))


def test_models_of_any_size_take_references():
    def network(lightness, hints=None):
        return np.zeros((*lightness.shape[:-1], 2), np.float32) if hints is None else hints[..., :2]

    target, other = crops(photo("coffee"))
    small = tf_colorize.Colorizer(WithHints(network, network), 50)
    assert (small(gray(target), look=Look(reference=(reference(other),))) != small(gray(target))).any()
    assert raster([], (10, 10), np.zeros((1, 50, 50, 1))).shape == (1, 50, 50, 3)


@pytest.mark.parametrize("wrong", ["a.jpg", ["a.jpg"], (None,), 3])
def test_invalid_references_are_refused(wrong):
    with pytest.raises(ValueError, match="`reference` must be a tuple of `Reference`. Received: .*open_reference"):
        Look(reference=wrong)


def test_a_file_becomes_a_reference(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(photo("coffee")).resize((1500, 900)).save(path)
    opened = tf_colorize.open_reference(path, 3.0)
    assert (opened.name, opened.size, opened.time) == (str(path), (512, 307), 3.0)
    assert opened.rgb.shape == (307, 512, 3) and hash(opened) == hash(dataclasses.replace(opened))
    assert tf_colorize.open_reference(path.read_bytes(), 3.0) == dataclasses.replace(opened, name="")


def test_a_look_with_references_is_kept_in_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "looks").mkdir()
    Image.fromarray(photo("coffee")).save("a.png")
    references = (look_files.open_reference("a.png"), reference(photo("chelsea"), time=2.5))
    look_files.write({"warmth": 0.5, "reference": references}, "looks/look.json")
    monkeypatch.chdir(tmp_path / "looks")
    kept = look_files.read("look.json")
    assert kept == {
        "warmth": 0.5,
        "reference": (dataclasses.replace(references[0], name="../a.png"), references[1]),
    }


def test_tiny_models_take_no_references(tmp_path):
    tiny = tf_colorize.Colorizer.load(tiny_models.write_tflite(tmp_path))
    assert not tiny.takes_hints
