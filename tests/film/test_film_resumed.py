"""A film whose coloring is stopped, at any moment and in any way, is resumed; no finished piece is lost silently."""

import errno
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import films
import numpy as np
import pytest

from tf_colorize.film import coloring, frames, pieces, reading

MODEL = pathlib.Path(__file__).parents[1] / "files" / "tiny_32.tflite"


@pytest.fixture
def short_pieces(monkeypatch):
    monkeypatch.setattr(coloring, "_PIECE_SECONDS", 0.0)


def command_in_a_process(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "tf_colorize", "film", *map(str, arguments), "--model", str(MODEL)],
        capture_output=True,
        text=True,
        **options,
    )


def limited(size):
    """Limits the size of files that the process can write, like a full disk."""
    import resource

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_a_full_disk_leaves_nothing_half_written(tmp_path, command):
    film = films.write(tmp_path / "movie.mp4", n_frames=60, size=(320, 240))
    done = command_in_a_process(film, "--crf", "0", preexec_fn=lambda: limited(100_000))
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "cannot be written (File too large)" in line
    assert not (tmp_path / "movie.color.mp4").exists()
    assert command(film).returncode == 0
    assert len(films.pictures(tmp_path / "movie.color.mp4")) == 60
    assert sorted(os.listdir(tmp_path)) == ["movie.color.mp4", "movie.mp4"]


def test_a_run_that_ended_before_recording_its_first_piece_does_not_block_the_next(tmp_path, colorizer, monkeypatch):
    film = reading.open_film(films.write(tmp_path / "movie.mp4"))
    whole_files = pieces.whole.open_whole

    def full(path, **options):
        if pathlib.Path(path).suffix == ".npz":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return whole_files(path, **options)

    with monkeypatch.context() as patch, pytest.raises(frames.FilmError, match="No space left"):
        patch.setattr(pieces.whole, "open_whole", full)
        coloring.color_film(colorizer, film, tmp_path / "result.mp4")
    assert [path.name for path in pieces.folder_of(tmp_path / "result.mp4").glob("*.mp4")] == ["000000.mp4"]
    assert coloring.color_film(colorizer, film, tmp_path / "result.mp4").n_frames == 30
    assert not pieces.folder_of(tmp_path / "result.mp4").exists()


def test_a_read_error_is_not_mistaken_for_the_end_of_the_film(tmp_path, colorizer, monkeypatch, short_pieces):
    film = reading.open_film(films.write(tmp_path / "movie.mp4", n_frames=60))
    whole_demux = reading.sources.packets

    def failing(container, streams, path):
        for number, packet in enumerate(whole_demux(container, streams, path)):
            if number == 45:
                raise frames.FilmError(f"{path}: cannot be read any further (Input/output error)")
            yield packet

    monkeypatch.setattr("tf_colorize.film.sources.packets", failing)
    with pytest.raises(frames.FilmError, match=r"movie.mp4: cannot be read any further \(Input/output error\)"):
        coloring.color_film(colorizer, film, tmp_path / "result.mp4")
    monkeypatch.undo()
    monkeypatch.setattr(coloring, "_PIECE_SECONDS", 0.0)
    done = coloring.color_film(colorizer, film, tmp_path / "result.mp4")
    assert done.n_resumed > 0 and done.n_frames == 60


# A run whose pieces are as short as a block, to be stopped after some of them. On processors with AVX-512, x264
# with its macroblock tree does not encode the same frames twice in the same way.
INTERRUPTIBLE = """
import sys
from tf_colorize.commands import main
from tf_colorize.film import coloring, encoding
coloring._PIECE_SECONDS = 0.0
encoder, crf, options = encoding.CODECS["h264"]
encoding.CODECS["h264"] = encoder, crf, {**options, "x264-params": "mbtree=0"}
sys.exit(main.main(sys.argv[1:]))
"""


@pytest.mark.parametrize("how", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGKILL])
def test_an_interrupted_run_continues_with_the_same_result(tmp_path, colorizer, how):
    film = films.write(tmp_path / "movie.mp4", n_frames=130, n_shots=3)
    arguments = [sys.executable, "-c", INTERRUPTIBLE, "film", str(film), "--model", str(MODEL)]
    run = subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True)
    folder = tmp_path / ".movie.color.mp4.pieces"
    while not list(folder.glob("000002.mp4")):
        assert run.poll() is None
        time.sleep(0.01)
    run.send_signal(how)
    _, errors = run.communicate()
    assert not (tmp_path / "movie.color.mp4").exists()
    assert len(list(folder.glob("*.npz"))) == 1  # not one a piece
    if how == signal.SIGINT:
        assert run.returncode == 130 and errors.splitlines() == [
            "tf-colorize film: stopped; the same command continues from here"
        ]
    done = subprocess.run(arguments, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split(" frames are from")[0].split()[-1]) >= 24
    assert sorted(os.listdir(tmp_path)) == ["movie.color.mp4", "movie.mp4"]
    undisturbed = subprocess.run([*arguments, "-o", str(tmp_path / "undisturbed.mp4")], capture_output=True, text=True)
    assert undisturbed.returncode == 0, undisturbed.stderr
    one, other = films.pictures(tmp_path / "movie.color.mp4"), films.pictures(tmp_path / "undisturbed.mp4")
    assert [at for at, _ in one] == [at for at, _ in other]
    assert all(np.array_equal(first, second) for (_, first), (_, second) in zip(one, other))


# Killed at one of the last steps: while the pieces are joined, before the film is at its place, and behind that.
KILLED = """
import os, signal, sys
from tf_colorize.commands import main
from tf_colorize.film import muxing, pieces
def die(*arguments, **options):
    os.kill(os.getpid(), signal.SIGKILL)
where = sys.argv.pop(1)
if where == "join":
    muxing._other_packets = die
elif where == "put":
    muxing.put = die
else:
    pieces.shutil.rmtree = die
sys.exit(main.main(sys.argv[1:]))
"""


@pytest.mark.parametrize("where", ["join", "put", "remove"])
def test_a_kill_at_the_end_leaves_nothing_behind_after_the_next_run(tmp_path, where, command):
    film = films.write(tmp_path / "movie.mp4", n_frames=20)
    arguments = ["film", str(film), "--model", str(MODEL)]
    killed = subprocess.run([sys.executable, "-c", KILLED, where, *arguments], capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    assert (tmp_path / ".movie.color.mp4.pieces").is_dir()
    done = command(film)
    assert done.returncode == 0, done.stderr
    assert ("exists" in done.stdout) == (where == "remove")
    assert sorted(os.listdir(tmp_path)) == ["movie.color.mp4", "movie.mp4"]
    assert len(films.pictures(tmp_path / "movie.color.mp4")) == 20


def stop_after(n_frames):
    def report(n_done):
        if n_done > n_frames:
            raise KeyboardInterrupt

    return report


def unfinished(colorizer, film, target):
    with pytest.raises(KeyboardInterrupt):
        coloring.color_film(colorizer, film, target, report=stop_after(12))
    return pieces.folder_of(target)


def test_pieces_of_other_options_or_of_another_film_are_not_removed_silently(
    tmp_path, colorizer, short_pieces, command
):
    film, target = films.write(tmp_path / "movie.mp4", n_frames=60), tmp_path / "result.mp4"
    folder = unfinished(colorizer, film, target)
    finished = (folder / "000000.mp4").read_bytes()
    other = coloring.Options(steadiness=0.5)
    with pytest.raises(pieces.OtherWork, match=r"other options \(steadiness was 0.95, now 0.5\)"):
        coloring.color_film(colorizer, film, target, other)
    os.utime(film, (1, 1))
    with pytest.raises(pieces.OtherWork, match="the film has changed since"):
        coloring.color_film(colorizer, film, target)
    assert (folder / "000000.mp4").read_bytes() == finished
    done = command(film, "-o", target)
    assert done.returncode == 1 and done.stderr.rstrip().endswith("--overwrite starts from the beginning")
    done = coloring.color_film(colorizer, film, target, other, starts_anew=True)
    assert done.n_resumed == 0 and not folder.exists()


def test_pieces_of_another_version_are_kept_too(tmp_path, colorizer):
    film, target = films.write(tmp_path / "movie.mp4", n_frames=20), tmp_path / "result.mp4"
    folder = pieces.folder_of(target)
    folder.mkdir()
    shutil.copy(film, folder / "000000.mp4")
    (folder / "job.json").write_text("{}")
    with pytest.raises(pieces.OtherWork, match="pieces of another version"):
        coloring.color_film(colorizer, film, target)
    coloring.color_film(colorizer, film, target, starts_anew=True)
    assert not folder.exists()


def test_two_runs_do_not_write_one_film(tmp_path, colorizer):
    film = films.write(tmp_path / "movie.mp4")

    def again(n_frames):
        if n_frames == 0:
            with pytest.raises(frames.FilmError, match="another run is writing it"):
                coloring.color_film(colorizer, film, tmp_path / "result.mp4")

    coloring.color_film(colorizer, film, tmp_path / "result.mp4", report=again)
    assert len(films.pictures(tmp_path / "result.mp4")) == 30
