"""Commands whose standard streams are closed, full or cut off, and that have no folder for temporary files."""

import os
import pathlib
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import numpy as np
import pytest
import skimage
from PIL import Image

pytestmark = pytest.mark.skipif(os.name == "nt", reason="closes streams in a shell")

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def photo(tmp_path, monkeypatch):
    Image.fromarray(skimage.data.camera()[100:160, 50:130]).save(tmp_path / "a.jpg", quality=95)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "a.jpg"


def shell(text, **options):
    """Runs a line of a shell in which `tfc` is the command."""
    line = text.replace("tfc ", f"{shlex.quote(sys.executable)} -m tf_colorize ", 1)
    return subprocess.run(["bash", "-c", line], capture_output=True, timeout=120, **options)


def is_colored(path):
    with Image.open(path) as image:
        return image.size == (80, 60) and np.ptp(np.asarray(image.convert("RGB")).astype(int), axis=-1).mean() > 5


@pytest.mark.parametrize(
    "closed",
    [
        *["<&-", ">&-", "2>&-", "<&- >&- 2>&-"],
        *(pytest.param(pair, marks=pytest.mark.slow) for pair in ("<&- >&-", "<&- 2>&-", ">&- 2>&-")),
    ],
)
def test_photos_are_colorized_whatever_streams_are_closed(photo, model, closed):
    before = photo.read_bytes()
    (photo.parent / "broken.jpg").write_bytes(before[:300])  # so there is a complaint
    done = shell(f"tfc a.jpg broken.jpg --jobs 1 -o out --model {model} {closed}")
    assert done.returncode == 1 and is_colored("out/a.jpg") and os.listdir("out") == ["a.jpg"]
    assert photo.read_bytes() == before
    assert shell(f"tfc a.jpg --model {model} {closed}").returncode == 0 and is_colored("a.color.jpg")


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        ("- <&- > x.jpg", "tf-colorize: standard input is closed; pipe a photo in, or give its file name\n"),
        ("- < a.jpg >&-", "tf-colorize: standard output is closed; add > picture.jpg or -o picture.jpg\n"),
        ("- <&- >&-", "tf-colorize: standard input is closed; pipe a photo in, or give its file name\n"),
        ("- < a.jpg >/dev/full", "tf-colorize: <stdout>: cannot be written: No space left on device\n"),
        ("a.jpg >/dev/full", "standard output cannot be written: No space left on device\n"),
    ],
)
def test_a_missing_pipe_is_reported_in_one_line(photo, model, arguments, complaint):
    done = shell(f"tfc --model {model} {arguments}")
    assert done.returncode == 1 and done.stdout == b""
    assert done.stderr.decode().replace("standard input: c", "<stdout>: c") == complaint


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
@pytest.mark.parametrize("arguments", ["--version", "cluster --help", "cluster . out --dry-run", "demo --no-browser"])
@pytest.mark.parametrize("is_buffered", [True, False])
def test_a_full_output_is_called_so_by_every_command(photo, arguments, is_buffered):
    if arguments.startswith("demo"):
        from tf_colorize.commands import demo

        if not (demo.PAGE / "index.html").is_file():
            pytest.skip("the page is not built")
    if not is_buffered and arguments.endswith(("help", "version")):
        pytest.skip("argparse passes over what it cannot write")
    environment = {**os.environ, "PYTHONUNBUFFERED": "" if is_buffered else "1"}
    done = shell(f"tfc {arguments} >/dev/full", env=environment)
    assert done.stderr == b"standard output cannot be written: No space left on device\n"
    assert done.returncode == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_messages_that_cannot_be_written_do_not_stop_the_work(photo, model):
    done = shell(f"tfc nowhere.jpg a.jpg -o out/ --model {model} 2>/dev/full")
    assert done.returncode == 1 and is_colored("out/a.jpg")
    assert done.stdout.startswith(b"out/a.jpg") and len(done.stdout.splitlines()) == 1
    assert shell("tfc --nonsense 2>/dev/full").returncode == 2
    assert shell(f"tfc nowhere.jpg a.jpg -o full/ --model {model} >/dev/full 2>&1").returncode == 1
    assert is_colored("full/a.jpg")


def test_a_pipe_needs_only_what_it_uses(photo, model):
    assert shell(f"tfc - --model {model} -o x.jpg < a.jpg >&- 2>&-").returncode == 0 and is_colored("x.jpg")
    done = shell(f"tfc - --model {model} < a.jpg 2>&-")
    pathlib.Path("piped.jpg").write_bytes(done.stdout)
    assert done.returncode == 0 and is_colored("piped.jpg")


def test_the_first_opened_file_does_not_become_a_standard_stream(run_python):
    code = """
        import os
        from tf_colorize.commands import streams
        for number in (0, 1, 2):
            os.close(number)
        streams.repair()
        descriptor = os.open(os.devnull, os.O_RDONLY)
        os._exit(0 if descriptor > 2 and os.get_inheritable(2) else 1)
    """
    run_python(code)


@pytest.mark.parametrize("arguments", ["film nowhere.mp4", "cluster nowhere out", "demo --port 1 --no-browser"])
@pytest.mark.parametrize("closed", ["<&-", ">&-", "<&- >&- 2>&-"])
def test_other_commands_fail_as_usual(photo, arguments, closed):
    if arguments.startswith("film"):
        pytest.importorskip("av")
    if arguments.startswith("demo"):
        arguments = arguments.replace("--port 1", f"--port {taken_port()}")
    done = shell(f"tfc {arguments} {closed}")
    assert done.returncode == 1 and b"Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == (0 if "2>" in closed else 1)


_taken = socket.socket()


def taken_port():
    if _taken.getsockname()[1] == 0:
        _taken.bind(("127.0.0.1", 0))
        _taken.listen()
    return _taken.getsockname()[1]


def test_the_demo_serves_without_streams(photo):
    from tf_colorize.commands import demo

    if not (demo.PAGE / "index.html").is_file():
        pytest.skip("the page is not built")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    line = f"exec {shlex.quote(sys.executable)} -m tf_colorize demo --no-browser --port {port} <&- >&- 2>&-"
    server = subprocess.Popen(["bash", "-c", line])
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                    assert answer.status == 200
                break
            except OSError:
                assert time.monotonic() < deadline and server.poll() is None
                time.sleep(0.2)
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("export.py --model nowhere --tflite x.tflite", marks=pytest.mark.slow),  # loads TensorFlow
        "serve_client.py ftp://x a.jpg",
    ],
)
def test_scripts_report_failures_on_stderr_or_by_their_exit_code(photo, script):
    if "export" in script:
        pytest.importorskip("keras")
    for closed, lines in (("<&- >&-", 1), ("2>&-", 0)):
        name, _, arguments = script.partition(" ")
        line = f"{shlex.quote(sys.executable)} {ROOT / 'scripts' / name} {arguments} {closed}"
        done = shell(line)
        assert done.returncode == 1 and len(done.stderr.splitlines()) == lines, done.stderr


def test_no_folder_for_temporary_files_is_needed(photo, model):
    done = shell(
        f"""tfc a.jpg --model {model} && {shlex.quote(sys.executable)} - <<'END'
import os, tempfile
from tf_colorize.commands import main, quiet
tempfile._candidate_tempdir_list = lambda: ["/nowhere"]
if {os.environ.get("WITHOUT_MEMFD", "0")}:
    del os.memfd_create
assert main.main(["a.jpg", "-o", "out/", "--model", {model!r}]) == 0
del os.memfd_create
with quiet.startup():
    os.write(2, b"hidden")
END
"""
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == b"" and is_colored("out/a.jpg")


def test_hidden_output_is_shown_after_a_failure(run_python):
    code = """
        import os
        from tf_colorize.commands import quiet
        for without in (False, True):
            if without:
                del os.memfd_create
            read, write = os.pipe()
            kept = os.dup(2)
            os.dup2(write, 2)
            try:
                with quiet.startup():
                    os.write(2, b"why")
                    raise RuntimeError
            except RuntimeError:
                os.dup2(kept, 2)
            assert os.read(read, 10) == b"why"
    """
    run_python(code)
