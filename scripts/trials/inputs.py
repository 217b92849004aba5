"""Inputs, arguments and results of the commands in scenarios.py, for a folder of their own."""

import functools
import hashlib
import json
import pathlib
import zipfile

import numpy as np


def files(folder: pathlib.Path) -> dict[str, object]:
    """Returns the checksum of each file below `out`, or the temporary files that should not exist."""
    out = folder / "out"
    return {p.relative_to(out).as_posix(): content(p) for p in sorted(out.rglob("*")) if p.is_file()}


def content(path: pathlib.Path) -> object:
    """Returns the checksum of a file."""
    return _digest(path.read_bytes())


def _digest(data):
    return hashlib.sha256(data).hexdigest()[:16]


def with_tiny_model(arguments: list) -> list[str]:
    """Returns arguments of a colorizing command with the smallest network of the tests."""
    import tiny_models

    return [*map(str, arguments), "--model", str(tiny_models.STORED)]


def photos(folder, names=("a.jpg", "b.png", "c.tif", "deep/d.webp")):
    import photo_bytes

    for index, name in enumerate(names):
        path = folder / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        photo_bytes.gray(24 + index, 32).save(path)


def one_photo(folder: pathlib.Path) -> None:
    """Puts a photo into `in`, and an older result into `out`."""
    photos(folder, ("a.jpg",))
    (folder / "out").mkdir()
    (folder / "out" / "a.jpg").write_bytes(b"an older result")


def film(folder: pathlib.Path) -> None:
    """Puts a film of three shots into `in`."""
    import films

    (folder / "in").mkdir()
    films.write(folder / "in" / "movie.mp4", n_frames=70, size=(64, 48), n_shots=3)


def film_results(folder: pathlib.Path) -> dict[str, object]:
    """Returns pictures, their times and the packets of sound of each film below `out`, as checksums."""
    import films

    found = {}
    for path in sorted((folder / "out").rglob("*")):
        if path.is_file() and path.suffix == ".mp4" and not _is_hidden(path, folder):
            pictures = films.pictures(path)
            times = [time for time, _ in pictures]
            found[path.name] = [_digest(picture.tobytes()) for _, picture in pictures], times
            found[f"{path.name} sound"] = _digest(repr(films.packets(path, "audio")).encode())
        elif path.is_file():
            found[path.relative_to(folder / "out").as_posix()] = "present"
    return found


def _is_hidden(path, folder):
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def training_photos(folder: pathlib.Path) -> None:
    """Puts color photos into `in`."""
    rng = np.random.default_rng(0)
    from PIL import Image

    (folder / "in").mkdir()
    for index in range(8):
        smooth = Image.fromarray(rng.integers(0, 256, (3, 4, 3), "uint8")).resize((40, 36), Image.Resampling.BICUBIC)
        smooth.save(folder / "in" / f"{index:02d}.png")


_LENGTH = {"pretrain-epochs": 1, "epochs": 1, "steps-per-epoch": 2, "batch-size": 2}


def train_arguments(folder: pathlib.Path) -> list[str]:
    """Returns the arguments of a short training."""
    import training_processes

    return ["--mode", "gan", *training_processes.options(folder / "in", folder / "out", _LENGTH)]


def resumed(folder: pathlib.Path) -> list[str]:
    """Returns the arguments that continue a training, if it has begun."""
    return ["--resume", str(folder / "out")] if (folder / "out" / "config.json").exists() else train_arguments(folder)


def training_results(folder: pathlib.Path) -> dict[str, object]:
    """Returns the content of the files of a run, without its checkpoints and logs."""
    out = folder / "out"
    paths = [path for path in sorted(out.rglob("*")) if path.is_file() and not _is_hidden(path, folder)]
    found = {
        path.relative_to(out).as_posix(): training_content(path) for path in paths if "checkpoints" not in path.parts
    }
    return {name: content for name, content in found.items() if content}


def training_content(path: pathlib.Path) -> object:
    """Returns what a file of a run holds, without times and speeds; None for a log, which training never reads."""
    if "tfevents" in path.name:
        return None
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            return _digest(archive.read("model.weights.h5"))
    if path.name == "history.jsonl":
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return [{k: v for k, v in row.items() if k != "images_per_second"} for row in rows]
    if path.name == "checkpoint":
        return [line for line in path.read_text(encoding="utf-8").splitlines() if "timestamp" not in line]
    return content(path)


@functools.cache
def _generator_bytes():
    import tempfile

    import exports

    from tf_colorize.models import saving

    with tempfile.TemporaryDirectory() as folder:
        saving.save_generator(exports.generator(), f"{folder}/generator.keras", {"image_size": 64})
        return pathlib.Path(folder, "generator.keras").read_bytes()


def network(folder: pathlib.Path) -> None:
    """Puts a generator and photos into `in`."""
    import exports

    (folder / "in").mkdir()
    (folder / "in" / "generator.keras").write_bytes(_generator_bytes())
    exports.write_photos(folder / "in" / "photos")


def export_arguments(folder: pathlib.Path) -> list[str]:
    """Returns the arguments of an export to several formats."""
    source, out = folder / "in", folder / "out"
    given = {"model": source / "generator.keras", "saved-model": out / "colorizer" / "1", "photos": source / "photos"}
    given |= {"tflite": out / "x.tflite", "image-size": 64, "vectors": out / "vectors"}
    return ["--overwrite", *(str(part) for name, value in given.items() for part in (f"--{name}", value))]


def export_results(folder: pathlib.Path) -> dict[str, object]:
    """Returns the names and sizes of all files."""
    out = folder / "out"
    return {p.relative_to(out).as_posix(): export_content(p) for p in sorted(out.rglob("*")) if p.is_file()}


def export_content(path: pathlib.Path) -> object:
    """Returns the size of a network, in kB, because TensorFlow does not write the same bytes twice."""
    return round(path.stat().st_size, -3) if path.suffix in (".tflite", ".pb") else "present"


_TRAIN = """
batch_size = 2
encoder_weights = "none"
image_size = 32
precision = "float32"
deterministic = true
steps_per_epoch = 1
"""


def recipe(folder: pathlib.Path) -> None:
    """Puts photos and a recipe into `in`."""
    import small_recipes

    training_photos(folder)
    lines = (f"{_TRAIN}pretrain_epochs = 1", f"{_TRAIN}pretrain_epochs = 0\nepochs = 1")
    (folder / "in" / "small.toml").write_text(small_recipes.two_and_their_mean(*lines))


def recipe_arguments(folder: pathlib.Path) -> list[str]:
    """Returns the arguments that run the recipe."""
    return ["--recipe", f"{folder}/in/small.toml", "--data", f"{folder}/in", "--run-dir", f"{folder}/out"]
