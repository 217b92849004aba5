"""Makes short films of every available container and codec, and damages them."""

import pathlib
import shutil
import subprocess

import numpy as np

from trials import trial as trials

_X264 = ("-c:v", "libx264", "-c:a", "aac")
_MPEG2 = ("-c:v", "mpeg2video", "-bf", "2", "-g", "6", "-c:a", "mp2")
_SILENT = "-an"
KINDS = {
    "modern.mp4": _X264,
    "fragments.mp4": (*_X264, "-movflags", "frag_keyframe+empty_moov"),
    "timecode.mov": ("-c:v", "libx264", "-c:a", "pcm_s16le", "-timecode", "00:01:59:20"),
    "prores.mov": ("-c:v", "prores_ks", "-c:a", "pcm_s16le"),
    "film.mkv": (*_X264, "-bf", "3"),
    "hevc.mkv": ("-c:v", "libx265", "-x265-params", "log-level=error", "-c:a", "flac"),
    "ffv1.mkv": ("-c:v", "ffv1", "-c:a", "pcm_s16le"),
    "windows.wmv": ("-c:v", "wmv2", "-c:a", "wmav2"),
    "camera.avi": ("-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-c:a", "adpcm_ima_wav", "-ac", "1"),
    "divx.avi": ("-c:v", "mpeg4", "-bf", "2", "-c:a", "mp3"),
    "raw.avi": ("-c:v", "rawvideo", "-c:a", "pcm_s16le"),
    "recording.ts": (*_MPEG2, "-output_ts_offset", "1000"),
    "camcorder.mpg": (*_MPEG2, "-f", "mpeg"),
    "dvd.vob": ("-c:v", "mpeg2video", "-bf", "2", "-c:a", "ac3", "-f", "vob"),
    "flash.flv": ("-c:v", "flv", "-c:a", "adpcm_swf", "-ar", "22050"),
    "web.webm": ("-c:v", "libvpx", "-c:a", "libopus"),
    "raw.h264": ("-c:v", "libx264", _SILENT),
    "raw.hevc": ("-c:v", "libx265", "-x265-params", "log-level=error", _SILENT),
    "moving.gif": ("-c:v", "gif", _SILENT),
    "moving.ogv": ("-c:v", "libtheora", "-c:a", "libvorbis"),
}
N_FRAMES = 12


def make(folder: pathlib.Path) -> dict[str, bytes]:
    """Returns a film for each kind that FFmpeg can write here.

    Raises:
        trials.Impossible: FFmpeg's command line is missing.
    """
    if not shutil.which("ffmpeg"):
        raise trials.Impossible("needs FFmpeg's command line. Run: apt-get install ffmpeg")
    found = {}
    for name, options in KINDS.items():
        path = folder / name
        picture = ["-f", "lavfi", "-i", f"testsrc2=size=48x32:rate=25:duration={N_FRAMES / 25}"]
        sound = [] if _SILENT in options else ["-f", "lavfi", "-i", f"sine=duration={N_FRAMES / 25}:sample_rate=48000"]
        filters = ["-vf", "format=gray,format=yuv420p"]
        command = ["ffmpeg", "-nostdin", "-v", "error", "-y", *picture, *sound, *filters, *options, str(path)]
        if subprocess.run(command, capture_output=True).returncode == 0:
            found[name] = path.read_bytes()
    return found


def damaged(name: str, data: bytes, folder: pathlib.Path, rng: np.random.Generator) -> tuple[str, bytes]:
    """Returns a description of the damage, and the damaged film."""
    accident = _ACCIDENTS[rng.integers(len(_ACCIDENTS))]
    return accident.__name__.strip("_"), accident(name, bytearray(data), folder, rng)


def _flipped(name, data, folder, rng):
    for _ in range(int(rng.integers(1, 40))):
        data[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
    return bytes(data)


def _head_flipped(name, data, folder, rng):
    for _ in range(int(rng.integers(1, 6))):
        data[int(rng.integers(min(len(data), 600)))] = int(rng.integers(256))
    return bytes(data)


def _cut(name, data, folder, rng):
    return bytes(data[: int(rng.integers(len(data)))])


def _gap(name, data, folder, rng):
    start = int(rng.integers(len(data)))
    del data[start : start + int(rng.integers(1, 3000))]
    return bytes(data)


def _zeros(name, data, folder, rng):
    start = int(rng.integers(len(data)))
    end = min(len(data), start + int(rng.integers(1, 2000)))
    data[start:end] = bytes(end - start)
    return bytes(data)


def _joined(name, data, folder, rng):
    return bytes(data + data[int(rng.integers(len(data))) :])


def _without_video(name, data, folder, rng):
    return _remuxed(name, data, folder, "-map", "0:a?")


def _moved_clock(name, data, folder, rng):
    shift, factor = int(rng.integers(-90_000, 1 << 33)), float(rng.choice([1, 1, 0.001, 1000]))
    jump = int(rng.integers(1, N_FRAMES))
    moved = f"if(gte(N\\,{jump})\\,PTS*{factor}+{shift}\\,PTS)"
    return _remuxed(name, data, folder, "-map", "0", "-bsf:v", f"setts=pts={moved}:dts={moved}")


def _remuxed(name, data, folder, *options):
    source, target = folder / f"source-{name}", folder / f"target-{name}"
    source.write_bytes(data)
    target.unlink(missing_ok=True)
    command = ["ffmpeg", "-nostdin", "-v", "quiet", "-y", "-i", str(source), "-c", "copy", *options, str(target)]
    subprocess.run(command, capture_output=True, timeout=60)
    return target.read_bytes() if target.exists() else b""


_ACCIDENTS = (_flipped, _flipped, _head_flipped, _cut, _gap, _zeros, _joined, _without_video, _moved_clock)
