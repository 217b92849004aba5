"""Color that stays on things: carried along, stopped at cuts, and measured."""

import cv2
import numpy as np
import pytest
import skimage.data

from tf_colorize.evaluation import clips, steadiness
from tf_colorize.film import steadying

PHOTO, OTHER = (cv2.resize(photo, (256, 256)) for photo in (skimage.data.astronaut(), skimage.data.coffee()))


def lightness_of(frames):
    return [(frame.mean(-1, dtype=np.float32) / 127.5 - 1)[np.newaxis, :, :, np.newaxis] for frame in frames]


def offered(lightness, predicted, asked=None):
    """The arguments of a steadier; `asked` collects the numbers of the frames that the network sees."""
    for number, (plane, ab) in enumerate(zip(lightness, predicted)):

        def predict(number=number, ab=ab):
            if asked is not None:
                asked.append(number)
            return ab

        yield plane, predict, False


def steadied(frames, predicted, steadiness=steadying.DEFAULT_STEADINESS):
    blocks = steadying.Steadier(steadiness).steadied(offered(lightness_of(frames), predicted))
    size = predicted[0].shape[1::-1]
    return np.stack([cv2.resize(ab, size, interpolation=cv2.INTER_LINEAR) for block in blocks for ab in block])


def flat(a, b, side=clips.SIDE):
    return np.broadcast_to(np.float32([a, b]), (side, side, 2)).copy()


@pytest.mark.parametrize("kind", clips.KINDS)
def test_the_motion_of_a_clip_matches_its_flow(kind):
    clip = clips.make(kind, PHOTO, OTHER, n_frames=6)
    assert clip.frames.shape == (6, clips.SIDE, clips.SIDE, 3)
    moved = clip.flows[clip.visible]
    assert np.abs(moved).max() > 0.3
    # The truth carried along its own flow is nearly itself, and along no flow is not.
    error = steadiness.warp_error(clip.frames, clip.flows, clip.visible)
    still = steadiness.warp_error(clip.frames, np.zeros_like(clip.flows), clip.visible)
    assert error < still / 2


def test_measures_of_a_film_match_a_calculation_by_hand():
    frames = np.zeros((6, 8, 8, 3), np.uint8)
    frames[1::2] = 51  # 0.2 in each channel, in every second frame
    flows, visible = np.zeros((5, 8, 8, 2), np.float32), np.ones((5, 8, 8), bool)
    assert steadiness.warp_error(frames, flows, visible) == pytest.approx(3 * 0.2**2, rel=1e-5)
    assert steadiness.warp_error(frames[::2], flows[:2], visible[:2]) == 0
    # One apart all is different (ln 2), two and four apart nothing.
    assert steadiness.color_distribution_consistency(frames) == pytest.approx(np.log(2) / 3)


def test_flicker_disappears_and_color_stays():
    clip = clips.make("pan", PHOTO, OTHER, n_frames=40)
    random = np.random.default_rng(0)
    truth = [
        0.4 * (cv2.GaussianBlur(frame, (0, 0), 3)[..., :2] / 255.0 - 0.3).astype(np.float32) for frame in clip.frames
    ]
    noise = [cv2.resize(random.normal(0, 0.06, (6, 6, 2)).astype(np.float32), (clips.SIDE,) * 2) for _ in truth]
    predicted = [ab + more for ab, more in zip(truth, noise)]
    result = steadied(clip.frames, predicted)
    before = np.mean([np.square(ab - true).mean() for ab, true in zip(predicted, truth)])
    after = np.mean([np.square(ab - true).mean() for ab, true in zip(result, truth)])
    assert after < before / 2
    assert np.abs(result).mean() == pytest.approx(np.abs(truth).mean(), rel=0.05)


def test_no_steadiness_gives_the_prediction():
    clip = clips.make("zoom", PHOTO, OTHER, n_frames=20)
    predicted = [flat(index / 40, -index / 40) for index in range(20)]
    np.testing.assert_allclose(steadied(clip.frames, predicted, steadiness=0), predicted, atol=1e-6)


def test_no_color_passes_a_cut():
    first = clips.make("pan", PHOTO, OTHER, n_frames=20).frames
    second = clips.make("pan", OTHER, PHOTO, n_frames=25).frames
    predicted = [flat(0.5, 0)] * 20 + [flat(-0.5, 0.2)] * 25
    result = steadied(np.concatenate([first, second]), predicted, steadiness=1)
    np.testing.assert_allclose(result, predicted, atol=1e-6)


def test_moving_things_leave_no_ghosts():
    clip = clips.make("foreground", PHOTO, OTHER, n_frames=40)
    red, blue = flat(0.6, 0.3), flat(-0.1, -0.4)
    masks = [foreground_of(index, 40) for index in range(40)]
    predicted = [np.where(mask[..., np.newaxis], red, blue) for mask in masks]
    result = steadied(clip.frames, predicted)
    for mask, ab in zip(masks, result):
        away = cv2.dilate(mask.astype(np.uint8), np.ones((9, 9))) == 0
        error = np.abs(ab - blue).max(-1)[away]
        assert (error > 0.15).mean() < 0.01  # fewer than one pixel in a hundred shows the disc that was there


def foreground_of(index, n_frames):
    rows, columns = np.indices((clips.SIDE, clips.SIDE))
    x = np.linspace(0.2, 0.8, n_frames)[index] * clips.SIDE
    return np.hypot(columns - x, rows - clips.SIDE / 2) < 0.45 * clips.SIDE / 2


def test_color_is_steady_from_the_first_frame_on():
    # A film whose prediction settles only after four frames: the first frames know it, too.
    clip = clips.make("pan", PHOTO, OTHER, n_frames=30)
    predicted = [flat(0.0, 0.0)] * 4 + [flat(0.5, 0.1)] * 26
    result = steadied(clip.frames, predicted)
    assert np.median(result[0, ..., 0]) > 0.15


def test_a_resumed_film_is_the_same():
    clip = clips.make("pan", PHOTO, OTHER, n_frames=40)
    random = np.random.default_rng(0)
    lightness = lightness_of(clip.frames)
    predicted = random.normal(0, 0.2, (40, clips.SIDE, clips.SIDE, 2)).astype("float32")
    asked, again = [], []
    whole = [ab for block in steadying.Steadier().steadied(offered(lightness, predicted, asked)) for ab in block]
    steadier = steadying.Steadier()
    block = next(steadier.steadied(offered(lightness, predicted)))
    rest = steadying.Steadier(state=steadier.state)
    left = offered(lightness[len(block) :], predicted[len(block) :], again)
    later = [ab for block in rest.steadied(left) for ab in block]
    np.testing.assert_array_equal(np.stack(whole), np.stack([*block, *later]))
    assert [number + len(block) for number in again] == [number for number in asked if number >= len(block)]


def test_the_network_sees_only_key_frames():
    first = np.repeat(PHOTO[np.newaxis, :192, :192], 35, axis=0)
    second = clips.make("pan", OTHER, PHOTO, n_frames=6).frames
    asked = []
    planes = lightness_of(np.concatenate([first, second]))
    list(steadying.Steadier().steadied(offered(planes, [flat(0, 0)] * 41, asked)))
    # Every sixteenth and both sides of each cut, but not the end of the first shot, which is close to a key frame.
    assert asked == [0, 16, 32, 35, 40]
    every = []
    list(steadying.Steadier(0).steadied(offered(planes, [flat(0, 0)] * 41, every)))
    assert every == list(range(41))  # each frame for itself


def test_the_network_sees_more_frames_where_flow_is_poor():
    random = np.random.default_rng(0)
    noise = [cv2.GaussianBlur(random.normal(128, 90, (192, 192)), (0, 0), 1.5) for _ in range(20)]
    photo = PHOTO[:192, :192].mean(-1)
    frames = np.repeat(np.clip([0.4 * photo + 0.6 * plane for plane in noise], 0, 255)[..., np.newaxis], 3, axis=3)
    asked = []
    list(steadying.Steadier().steadied(offered(lightness_of(frames), [flat(0, 0)] * 20, asked)))
    assert len(asked) > len([0, 16])  # the key frames of a film with good flow


# Key frames 0, 16 and 21 stand for 8, 10.5 and 2.5 of 21 steps; of 18 frames, 0 and 16 stand for 8 and 9 of 17 steps.
@pytest.mark.parametrize("n_frames, share", [(22, 13 / 21), (18, 9 / 17)])
def test_a_key_frame_counts_for_the_frames_around_it(n_frames, share):
    frames = np.repeat(PHOTO[np.newaxis, :192, :192], n_frames, axis=0)
    predicted = [flat(0.6 if number >= 16 else 0.0, 0.0) for number in range(n_frames)]
    result = steadied(frames, predicted, steadiness=1)  # nothing moves: the mean over time
    np.testing.assert_allclose(result[..., 0], 0.6 * share, atol=0.005)


@pytest.mark.parametrize("steadiness", [-0.1, 1.1])
def test_steadiness_out_of_range_is_refused(steadiness):
    with pytest.raises(ValueError, match="`steadiness` must be 0 to 1. Received: steadiness="):
        steadying.Steadier(steadiness)


def test_clips_need_photos_of_their_size():
    with pytest.raises(ValueError, match="at least 192 pixels"):
        clips.make("pan", PHOTO[:100], OTHER)
    with pytest.raises(ValueError, match="`kind` must be one of pan, zoom, foreground"):
        clips.make("spin", PHOTO, OTHER)


def test_places_that_cannot_be_followed_get_the_color_of_their_surroundings():
    """A large place with new noise in each frame, on a photo with one color."""
    chance, frames = np.random.default_rng(5), np.stack([PHOTO] * 14)
    frames[:, :90, 60:150] = chance.integers(0, 256, (14, 90, 90, 1))
    predicted = [flat(0.1, 0.3, 256)] * 14
    asked: list[int] = []
    blocks = list(steadying.Steadier().steadied(offered(lightness_of(frames), predicted, asked)))
    assert len(asked) < 7  # otherwise the network colorized the place
    found = np.stack([ab for block in blocks for ab in block])
    np.testing.assert_allclose(found, np.broadcast_to(np.float32([0.1, 0.3]), found.shape), atol=0.01)


@pytest.mark.parametrize("shape", [(16, 16), (16, 3), (1, 16), (2, 2)])
def test_one_place_with_color_colors_the_rest(shape):
    sums = np.zeros((*shape, 4), np.float32)
    sums[-1, -1] = np.float32([0.1, 0.3, 1, 50]) / 32
    found = steadying._quotient(sums)
    np.testing.assert_allclose(found, np.broadcast_to(np.float32([0.1, 0.3]), found.shape), atol=0.01)
