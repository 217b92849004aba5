"""The script `serve_client.py`, against a server that runs the real SavedModel."""

import io
import json
import pathlib
import subprocess
import sys

import pytest
from PIL import Image
from served import PROTOCOLS, photo

from tf_colorize.color import colorfulness
from tf_colorize.commands import main

ROOT = pathlib.Path(__file__).parents[2]
CLIENT = ROOT / "scripts" / "serve_client.py"


def run_client(*arguments):
    return subprocess.run([sys.executable, str(CLIENT), *map(str, arguments)], capture_output=True, text=True)


@PROTOCOLS
def test_serve_client_names_the_broken_file_and_writes_the_others(addresses, protocol, tmp_path):
    (tmp_path / "one.png").write_bytes(photo())
    Image.open(io.BytesIO(photo())).save(tmp_path / "two.jpg")
    (tmp_path / "broken.png").write_bytes(photo()[:500])
    (tmp_path / "Reel No. 4").write_bytes(photo("001.png"))
    photos = [*sorted(tmp_path.iterdir()), tmp_path / "absent.png"]
    process = run_client(addresses[protocol], "--batch-size", 4, *photos)
    assert process.returncode == 1
    absent, broken = process.stderr.splitlines()
    assert "absent.png" in absent
    assert "broken.png: " in broken and "the file (500 bytes) is not a complete" in broken and "batch" not in broken
    results = ["Reel No. 4.color.png", "one.color.png", "two.color.jpg"]
    assert sorted(pathlib.Path(line).name for line in process.stdout.splitlines()) == results
    assert {path.name for path in tmp_path.iterdir()} == {"one.png", "two.jpg", "broken.png", "Reel No. 4", *results}
    for name in results:
        assert Image.open(tmp_path / name).size == Image.open(io.BytesIO(photo())).size


def test_an_invalid_address_is_reported_in_one_line():
    for arguments, message in (
        (["nonsense", "a.jpg"], "url must be like http://host:8501/v1/models/colorizer"),
        (["grpc://localhost:1/x", "a.jpg", "--timeout", "-1"], "--timeout must be over 0"),
    ):
        done = run_client(*arguments)
        line = done.stderr.splitlines()[-1]
        assert done.returncode == 1 and line.startswith(f"serve_client.py: {message}")


def test_serve_client_skips_photos_whose_results_exist(addresses, model, tmp_path):
    for name in ("one.png", "one.bmp", "two.png"):
        (tmp_path / name).write_bytes(photo())
    (tmp_path / "two.color.png").write_bytes(b"mine")
    model.requests = 0
    process = run_client(addresses["http"], tmp_path / "two.png")
    assert process.returncode == 1 and "two.color.png exists; --overwrite replaces it" in process.stderr
    assert model.requests == 0 and (tmp_path / "two.color.png").read_bytes() == b"mine"
    process = run_client(
        addresses["http"], "--overwrite", *(tmp_path / name for name in ("one.png", "one.bmp", "two.png"))
    )
    assert process.returncode == 1 and "one.color.png is already the result of" in process.stderr
    assert model.requests == 2 and (tmp_path / "two.color.png").read_bytes() != b"mine"


@pytest.mark.slow
def test_the_manuals_way_to_try_a_client_without_tf_serving(tmp_path):
    (tmp_path / "one.png").write_bytes(photo())
    command = [sys.executable, "tests/helpers/prediction_server.py", "saved_models/colorizer/1"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        address = json.loads(server.stdout.readline())["http"]
        assert main.main([str(tmp_path / "one.png"), "--model", address]) == 0
        server.stdin.close()
    assert server.returncode == 0
    assert colorfulness.has_color(Image.open(tmp_path / "one.color.png"))
