"""Films of the kinds that users have, made and examined by FFmpeg's command line."""

import fractions
import json
import shutil
import subprocess

import pytest

GRAY = "format=gray,format=yuv420p"

needs_ffmpeg = pytest.mark.skipif(
    not (shutil.which("ffmpeg") and shutil.which("ffprobe")), reason="needs FFmpeg's command line"
)


def ffmpeg(*arguments, **options):
    """Runs `ffmpeg`."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, **options).stdout


def make(path, *output, rate=25, seconds=1, size="64x48", filters=GRAY, sound=True):
    """Makes a film of FFmpeg's moving test picture, in gray, with a tone; returns its path.

    Args:
        output: Options of the file.
        sound: Whether there is a tone.
    """
    tone = ["-f", "lavfi", "-i", f"sine=duration={seconds}"] if sound else []
    picture = f"testsrc2=size={size}:rate={rate}:duration={seconds}"
    ffmpeg("-f", "lavfi", "-i", picture, *tone, "-vf", filters, *output, path)
    return path


def probed(path, *more):
    """What `ffprobe` reports about a film: `(video stream, format, all streams)`, with the frames counted."""
    show = ["-show_streams", "-show_format", "-count_frames", *more]
    done = subprocess.run(["ffprobe", "-v", "error", *show, "-of", "json", str(path)], check=True, capture_output=True)
    found = json.loads(done.stdout)
    video = next(stream for stream in found["streams"] if stream["codec_type"] == "video")
    return video, found["format"], found["streams"]


def times(path):
    """Times of all frames in seconds from the first one, according to `ffprobe`."""
    show = ["-select_streams", "v:0", "-show_entries", "frame=best_effort_timestamp_time", "-of", "csv=p=0"]
    done = subprocess.run(["ffprobe", "-v", "error", *show, str(path)], check=True, capture_output=True, text=True)
    found = [float(line.split(",")[0]) for line in done.stdout.split() if line.strip(",")]
    return [time - found[0] for time in found]


def rate(video):
    """The frame rate in the header."""
    return fractions.Fraction(video["avg_frame_rate"])


def luma(path, filters="", size=(64, 48)):
    """The codes of the luma of all frames, as FFmpeg decodes them: uint8 `(n, height, width)`."""
    import numpy as np

    chain = ",".join(filter(None, (filters, "extractplanes=y", "format=gray")))
    raw = ffmpeg("-i", path, "-vf", chain, "-fps_mode", "passthrough", "-f", "rawvideo", "-")
    return np.frombuffer(raw, np.uint8).reshape(-1, size[1], size[0])


def sound_checksum(path):
    """MD5 of the packets of sound, as they are stored."""
    return ffmpeg("-i", path, "-map", "0:a:0", "-c", "copy", "-f", "md5", "-")
