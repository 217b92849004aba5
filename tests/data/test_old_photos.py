"""What time does to a photo: each fault against what it must do, and all of them in a stream of training samples."""

import numpy as np
import pytest
import scipy.ndimage
import skimage.color
import skimage.data
import skimage.metrics
import tensorflow as tf
from PIL import Image

from tf_colorize.data import old_photos, pipeline

SHAPE = (90, 140)  # not square


@pytest.fixture(scope="module")
def photo():
    """uint8 `(90, 140, 3)`."""
    return np.asarray(Image.fromarray(skimage.data.astronaut()).resize(SHAPE[::-1], Image.Resampling.BOX))


@pytest.fixture(scope="module")
def gray(photo):
    return skimage.color.rgb2gray(photo).astype(np.float32)


def random():
    return np.random.default_rng(7)


FAULTS = {
    "soft and faded": lambda gray: old_photos.toned(gray, contrast=0.7, black=0.2, white=0.8),
    "hard": lambda gray: old_photos.toned(gray, contrast=2.0),
    "vignette": lambda gray: old_photos.vignetted(gray, 0.5),
    "light corners": lambda gray: old_photos.vignetted(gray, -0.5, (0.4, 0.6)),
    "grain": lambda gray: old_photos.grained(gray, 0.05, 2.5, random()),
    "unsharp": lambda gray: old_photos.unsharp(gray, 1.2),
    "halftone": lambda gray: old_photos.halftoned(gray, 3.0, 0.8, 0.4),
    "dust": lambda gray: old_photos.dusty(gray, 30, random()),
    "scratches": lambda gray: old_photos.scratched(gray, 4, random()),
    "mount": lambda gray: old_photos.mounted(gray, (0.1, 0.1, 0.05, 0.2), 0.6)[0],
    "JPEG": lambda gray: old_photos.compressed(gray, 40),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_changes_the_picture_keeps_its_range_and_comes_out_the_same_again(gray, name):
    before = gray.copy()
    result = FAULTS[name](gray)
    assert result.shape == SHAPE and result.dtype == np.float32 and 0 <= result.min() <= result.max() <= 1
    assert np.abs(result - gray).mean() > 1e-3
    np.testing.assert_array_equal(result, FAULTS[name](gray))
    np.testing.assert_array_equal(gray, before)


def test_a_film_records_light_and_leaves_gray_things_as_they_are(photo):
    for shares in old_photos.FILMS.values():
        assert sum(shares) == pytest.approx(1)
        ramp = np.repeat(np.arange(256, dtype=np.uint8).reshape(2, 128, 1), 3, axis=-1)
        np.testing.assert_allclose(old_photos.film(ramp, shares), ramp[..., 0] / 255, atol=1e-5)
    # The luminance of Rec. 709 is Y of CIE XYZ, which scikit-image works out by itself.
    luminance = skimage.color.rgb2xyz(photo)[..., 1]
    encoded = np.where(luminance <= 0.0031308, 12.92 * luminance, 1.055 * luminance ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(old_photos.film(photo, (0.2126, 0.7152, 0.0722)), encoded, atol=1e-3)


def test_old_plates_are_blind_to_red():
    red, blue = np.uint8([[[220, 20, 20]]]), np.uint8([[[20, 20, 220]]])
    for name in ("blue", "orthochromatic"):
        assert old_photos.film(red, old_photos.FILMS[name]) < 0.5 * old_photos.film(blue, old_photos.FILMS[name])
    assert old_photos.film(red, old_photos.FILMS["red filter"]) > old_photos.film(blue, old_photos.FILMS["red filter"])


def test_a_dimmer_photo_has_half_of_the_light_and_less_color(photo):
    dim = old_photos.exposed(photo, -1.0)
    light, half = (skimage.color.rgb2xyz(picture)[..., 1].mean() for picture in (photo, dim))
    assert half == pytest.approx(light / 2, rel=0.01)
    chroma, less = (
        np.hypot(*np.moveaxis(skimage.color.rgb2lab(picture)[..., 1:], -1, 0)).mean() for picture in (photo, dim)
    )
    assert less < 0.9 * chroma
    np.testing.assert_array_equal(old_photos.exposed(photo, 0.0), photo)
    assert old_photos.exposed(np.full((1, 1, 3), 200, np.uint8), 3.0).min() == 255


def test_tones_end_at_the_given_limits():
    ramp = np.linspace(0, 1, 101, dtype=np.float32)[None]
    faded = old_photos.toned(ramp, contrast=1.7, black=0.1, white=0.8)
    assert faded[0, 0] == pytest.approx(0.1) and faded[0, -1] == pytest.approx(0.8)
    assert faded[0, 50] == pytest.approx(0.45) and (np.diff(faded) > 0).all()
    slope = (faded[0, 51] - faded[0, 49]) / 0.02
    assert slope == pytest.approx(1.7 * 0.7, rel=0.02)
    np.testing.assert_allclose(old_photos.toned(ramp), ramp, atol=1e-6)


def test_grain_has_the_strength_and_the_size_that_it_was_given():
    even = np.full((200, 300), 0.5, np.float32)
    correlations = []
    for size in (1.0, 3.0):
        noise = old_photos.grained(even, 0.03, size, random()) - even
        assert noise.std() == pytest.approx(0.03, rel=0.02)
        correlations.append(np.corrcoef(noise[:, 1:].ravel(), noise[:, :-1].ravel())[0, 1])
    assert abs(correlations[0]) < 0.1 < 0.6 < correlations[1]


def test_blur_is_a_gaussian(gray):
    expected = scipy.ndimage.convolve1d(gray, _kernel(1.5), axis=0, mode="nearest")
    expected = scipy.ndimage.convolve1d(expected, _kernel(1.5), axis=1, mode="nearest")
    np.testing.assert_allclose(old_photos.unsharp(gray, 1.5), expected, atol=1e-3)


def _kernel(sigma):
    places = np.arange(-8, 9)
    weights = np.exp(-(places**2) / (2 * sigma**2))
    return weights / weights.sum()


def test_a_vignette_leaves_its_center_and_dims_the_corners():
    dimmed = old_photos.vignetted(np.full((101, 151), 0.8, np.float32), 0.5)
    assert dimmed[50, 75] == pytest.approx(0.8, abs=1e-3)
    assert dimmed[0, 0] == pytest.approx(0.4, abs=0.02)


def test_halftone_dots_have_their_period():
    row = old_photos.halftoned(np.full((64, 64), 0.5, np.float32), 4.0, 0.0, 0.2)[0]
    spectrum = np.abs(np.fft.rfft(row - row.mean()))
    assert spectrum.argmax() == 16  # 64 pixels / 4


def test_dust_and_scratches_leave_the_rest_of_the_picture():
    even = np.full(SHAPE, 0.5, np.float32)
    for fault, least, most in (
        (lambda: old_photos.dusty(even, 12, random()), 12, 600),
        (lambda: old_photos.scratched(even, 3, random()), 60, 2000),
    ):
        touched = np.abs(fault() - even) > 0.05
        assert least < touched.sum() < most


def test_a_mount_is_flat_covers_its_widths_and_has_no_color(photo):
    gray, is_mount = old_photos.mounted(np.full(SHAPE, 0.3, np.float32), (0.1, 0, 0.2, 0.05), 0.7)
    expected = np.ones(SHAPE, bool)
    expected[9:, 28:133] = False
    np.testing.assert_array_equal(is_mount, expected)
    assert (gray[is_mount] == np.float32(0.7)).all() and (gray[~is_mount] == np.float32(0.3)).all()


def test_most_old_photos_can_still_be_recognized_and_no_two_are_alike(photo):
    first = skimage.color.rgb2lab(photo)[..., 0]
    aged = [old_photos.age(photo, np.random.default_rng(seed)) for seed in range(40)]
    for lightness, ab in aged:
        assert lightness.shape == (*SHAPE, 1) and ab.shape == (*SHAPE, 2)
        assert lightness.dtype == ab.dtype == np.float32
        assert -1 <= lightness.min() <= lightness.max() <= 1 and np.abs(ab).max() <= 1
    alike = [np.corrcoef(first.ravel(), lightness.ravel())[0, 1] for lightness, _ in aged]
    assert np.median(alike) > 0.6 and np.min(alike) > 0.1
    assert len({lightness.tobytes() for lightness, _ in aged}) == len(aged)


@pytest.mark.parametrize("shape", [(1, 1), (2, 9), (31, 8)])
def test_small_photos_age_too(photo, shape):
    for seed in range(60):
        lightness, ab = old_photos.age(photo[: shape[0], : shape[1]], np.random.default_rng(seed))
        assert lightness.shape == (*shape, 1) and ab.shape == (*shape, 2)
        assert np.isfinite(lightness).all() and np.abs(lightness).max() <= 1


def test_age_is_a_function_of_its_random_numbers(photo):
    one, other = (old_photos.age(photo, np.random.default_rng(3)) for _ in range(2))
    for part, same in zip(one, other):
        np.testing.assert_array_equal(part, same)


def test_it_runs_inside_dataset_map(photo):
    def aged(seed):
        parts = tf.numpy_function(
            lambda seed: old_photos.age(photo, np.random.default_rng(int(seed))), [seed], [tf.float32, tf.float32]
        )
        return [tf.ensure_shape(part, (*SHAPE, channels)) for part, channels in zip(parts, (1, 2))]

    mapped = tf.data.Dataset.range(3).map(aged)
    for seed, sample in enumerate(mapped.as_numpy_iterator()):
        for part, expected in zip(sample, old_photos.age(photo, np.random.default_rng(seed))):
            np.testing.assert_array_equal(part, expected)


@pytest.fixture(scope="module")
def path(photo, tmp_path_factory):
    path = tmp_path_factory.mktemp("photos") / "photo.png"
    Image.fromarray(photo).save(path)
    return path


def batches(path, **options):
    stream = pipeline.training_batches([path], 32, 8, seed=5, **options)
    return [[part.numpy() for part in batch] for batch in stream.take(4)]


def test_a_share_of_training_samples_is_aged_and_the_others_are_unchanged(path):
    plain, some, every = (batches(path, old_photos=share) for share in (0.0, 0.5, 1.0))
    changed = np.concatenate([np.abs(one[0] - other[0]).max(axis=(1, 2, 3)) > 0 for one, other in zip(plain, some)])
    assert 8 <= changed.sum() <= 24  # of 32
    for before, half, old in zip(plain, some, every):
        for place in range(8):
            expected = before if np.array_equal(before[0][place], half[0][place]) else old
            for part in (0, 1):
                np.testing.assert_array_equal(half[part][place], expected[part][place])


def test_a_stream_of_old_photos_can_be_entered_anywhere(path):
    entered = batches(path, old_photos=0.7, first_step=2)
    for one, other in zip(batches(path, old_photos=0.7)[2:], entered):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])


@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_an_invalid_share_is_refused(path, share):
    with pytest.raises(ValueError, match="`old_photos` must be a share"):
        pipeline.training_batches([path], 32, 8, seed=0, old_photos=share)
