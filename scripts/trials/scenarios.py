"""Commands on small inputs, for trials that disturb them: their inputs and expected results.

The functions named in `Scenario.run` run in the forks of forks.py, everything else in the trial.
"""

import contextlib
import dataclasses
import functools
import hashlib
import json
import pathlib
import zipfile
from collections.abc import Callable

import numpy as np

PHOTOS = ("tf_colorize.commands.photos", "tf_colorize.albums.work", "tf_colorize.albums.plan", "PIL.ImageCms")
READY = (*PHOTOS, "tf_colorize.albums.crowd", "tf_colorize.inference.colorizer", "PIL.JpegImagePlugin")
FILM = (*READY, "tf_colorize.commands.film", "tf_colorize.film.coloring", "tf_colorize.film.preview", "cv2", "av")
CLUSTER = (*READY, "tf_colorize.commands.cluster", "tf_colorize.archives.workers", "tf_colorize.archives.packed")
TRAIN = ("tensorflow", "keras", "tf_colorize.training.stages", "tf_colorize.commands.train", "small_networks")
EXPORT = ("tensorflow", "keras", "tf_colorize.export", "tf_colorize.commands.export", "exports")


@dataclasses.dataclass(frozen=True)
class Scenario:
    """A command.

    Attributes:
        modules: What to import before forking.
        run: Function that runs it: of this module, or with its module.
        make: Puts the inputs into a folder.
        arguments: Arguments of the command for that folder.
        results: Returns the results in a folder by name, to be compared with those of an undisturbed run.
        again: Arguments of the command after an interruption; None: the same.
        lines: Maximum number of error lines.
        is_repeatable: Whether all its files have the same bytes each time. If not, files that are no results are
            compared by their sizes.
    """

    modules: tuple[str, ...]
    run: str
    make: Callable[[pathlib.Path], None]
    arguments: Callable[[pathlib.Path], list[str]]
    results: Callable[[pathlib.Path], dict[str, object]]
    again: Callable[[pathlib.Path], list[str]] | None = None
    lines: int = 2
    is_repeatable: bool = True


def command(arguments: list[str]) -> int:
    """Runs `tf-colorize` with these arguments."""
    from tf_colorize.commands import main

    return main.main(arguments)


def film(arguments: list[str]) -> int:
    """Runs `tf-colorize film` with the shortest possible pieces and reproducible encoding."""
    from tf_colorize.film import coloring, encoding

    coloring._PIECE_SECONDS = 0.0
    encoder, crf, options = encoding.CODECS["h264"]
    # On processors with AVX-512, x264's macroblock tree is not deterministic.
    encoding.CODECS["h264"] = encoder, crf, {**options, "x264-params": "mbtree=0"}
    return command(["film", *arguments])


def bounded_film(arguments: list[str]) -> int:
    """Runs `tf-colorize film` with 6 GB of address space; films that need more fail with an error."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
    return command(["film", *arguments])


def training(arguments: list[str]) -> int:
    """Runs `tf-colorize train` with small networks and a checkpoint at each step.

    It runs without graphs, because building them takes most of the time of so short a run.
    """
    import small_networks
    import tensorflow as tf

    from tf_colorize.training import checkpoints

    tf.config.run_functions_eagerly(True)
    _use_one_thread()
    small_networks.install()
    checkpoints.CHECKPOINT_MINUTES = 0.0
    return command(["train", *arguments])


def export(arguments: list[str]) -> int:
    """Runs `tf-colorize export`."""
    _use_one_thread()
    return command(["export", *arguments])


def _use_one_thread():
    import tensorflow as tf

    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.threading.set_intra_op_parallelism_threads(1)


def worker(arguments: list[str]) -> int:
    """Runs `tf-colorize cluster` with one worker in this process, without Ray."""
    import tf_colorize
    from tf_colorize.archives import workers
    from tf_colorize.commands import ray_job

    class Alone:
        n_deaths = 0

        def __init__(self, places, start):
            self._worker = workers.Worker(*places, start, tf_colorize.__version__)
            if self._worker.ready():
                raise ValueError(self._worker.ready())

        def outcomes(self, jobs):
            while batch := jobs.take(4) or not jobs.is_complete:
                yield from zip(batch, self._worker.run(batch)) if batch is not True else ()

    @contextlib.contextmanager
    def hired(address, n_workers, places, start, *_):
        yield Alone(places, start)

    ray_job.hired = hired
    return command(["cluster", *arguments])


def files(folder: pathlib.Path) -> dict[str, object]:
    """Returns the checksum of each file below `out`, or the temporary files that should not exist."""
    out = folder / "out"
    return {p.relative_to(out).as_posix(): _digest(p.read_bytes()) for p in sorted(out.rglob("*")) if p.is_file()}


def _digest(data):
    return hashlib.sha256(data).hexdigest()[:16]


def with_tiny_model(arguments: list) -> list[str]:
    """Returns arguments of a colorizing command with the smallest network of the tests."""
    import tiny_models

    return [*map(str, arguments), "--model", str(tiny_models.STORED)]


def _photos(folder, names=("a.jpg", "b.png", "c.tif", "deep/d.webp")):
    import photo_bytes

    for index, name in enumerate(names):
        path = folder / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        photo_bytes.gray(24 + index, 32).save(path)


def _one_photo(folder):
    _photos(folder, ("a.jpg",))
    (folder / "out").mkdir()
    (folder / "out" / "a.jpg").write_bytes(b"an older result")


def _film(folder):
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


def _training_photos(folder):
    rng = np.random.default_rng(0)
    from PIL import Image

    (folder / "in").mkdir()
    for index in range(8):
        smooth = Image.fromarray(rng.integers(0, 256, (3, 4, 3), "uint8")).resize((40, 36), Image.Resampling.BICUBIC)
        smooth.save(folder / "in" / f"{index:02d}.png")


_LENGTH = {"pretrain-epochs": 1, "epochs": 1, "steps-per-epoch": 2, "batch-size": 2}


def _train_arguments(folder):
    import training_processes

    return ["--mode", "gan", *training_processes.options(folder / "in", folder / "out", _LENGTH)]


def _resumed(folder):
    return ["--resume", str(folder / "out")] if (folder / "out" / "config.json").exists() else _train_arguments(folder)


def training_results(folder: pathlib.Path) -> dict[str, object]:
    """Returns the epochs and the weights of a run, and the names of its other files."""
    found: dict[str, object] = {}
    for path in sorted((folder / "out").rglob("*")):
        name = path.relative_to(folder / "out").as_posix()
        if path.suffix == ".keras":
            with zipfile.ZipFile(path) as archive:
                found[name] = _digest(archive.read("model.weights.h5"))
        elif path.name == "history.jsonl":
            rows = [json.loads(line) for line in path.read_text().splitlines()]
            found[name] = [{k: v for k, v in row.items() if k != "images_per_second"} for row in rows]
        elif path.is_file() and "tfevents" not in name and "checkpoints" not in name:
            found[name] = "present"
    return found


@functools.cache
def _generator_bytes():
    import tempfile

    import exports

    from tf_colorize.models import saving

    with tempfile.TemporaryDirectory() as folder:
        saving.save_generator(exports.generator(), f"{folder}/generator.keras", {"image_size": 64})
        return pathlib.Path(folder, "generator.keras").read_bytes()


def _network(folder):
    import exports

    (folder / "in").mkdir()
    (folder / "in" / "generator.keras").write_bytes(_generator_bytes())
    exports.write_photos(folder / "in" / "photos")


def _export_arguments(folder):
    source, out = folder / "in", folder / "out"
    given = {"model": source / "generator.keras", "saved-model": out / "colorizer" / "1", "photos": source / "photos"}
    given |= {"tflite": out / "x.tflite", "image-size": 64, "vectors": out / "vectors"}
    return ["--overwrite", *(str(part) for name, value in given.items() for part in (f"--{name}", value))]


def export_results(folder: pathlib.Path) -> dict[str, object]:
    """Returns the names of all files, because TensorFlow does not write the same bytes twice."""
    out = folder / "out"
    kinds = {path: "present" for path in sorted(out.rglob("*")) if path.is_file()}
    kinds |= {path: round(path.stat().st_size, -3) for path in kinds if path.suffix in (".tflite", ".pb")}
    return {path.relative_to(out).as_posix(): kind for path, kind in kinds.items()}


_RECIPE = """
[[step]]
name = "first"
[step.train]
mode = "pretrain"
{train}
[[step]]
name = "second"
[step.train]
init = "first/stage1.keras"
epochs = 1
pretrain_epochs = 0
{train}
[[step]]
name = "half"
[step.blend]
first = "first/stage1.keras"
second = "second/stage2.keras"
share = 0.5
"""
_TRAIN = """
batch_size = 2
encoder_weights = "none"
image_size = 32
precision = "float32"
deterministic = true
steps_per_epoch = 1
"""


def _recipe(folder):
    _training_photos(folder)
    first, second = _RECIPE.split("init = ", 1)
    text = first.format(train=_TRAIN + "pretrain_epochs = 1") + "init = " + second.format(train=_TRAIN)
    (folder / "in" / "small.toml").write_text(text)


def _recipe_arguments(folder):
    return ["--recipe", f"{folder}/in/small.toml", "--data", f"{folder}/in", "--run-dir", f"{folder}/out"]


SCENARIOS = {
    "photo": Scenario(
        READY,
        "command",
        _one_photo,
        lambda folder: with_tiny_model([folder / "in" / "a.jpg", "-o", folder / "out" / "a.jpg", "--overwrite"]),
        files,
    ),
    "folder": Scenario(
        READY,
        "command",
        _photos,
        lambda folder: with_tiny_model([folder / "in", "-o", folder / "out", "--compare", "--jobs", 2]),
        files,
        lines=8,
    ),
    "film": Scenario(
        FILM,
        "film",
        _film,
        lambda folder: with_tiny_model([folder / "in" / "movie.mp4", "-o", folder / "out" / "movie.mp4"]),
        film_results,
    ),
    "cluster": Scenario(
        CLUSTER,
        "worker",
        _photos,
        lambda folder: with_tiny_model([folder / "in", folder / "out", "--compare"]),
        files,
        lines=4,
    ),
    "export": Scenario(EXPORT, "export", _network, _export_arguments, export_results, lines=4, is_repeatable=False),
    "training": Scenario(
        TRAIN,
        "training",
        _training_photos,
        _train_arguments,
        training_results,
        again=_resumed,
        lines=4,
        is_repeatable=False,
    ),
    "recipe": Scenario(TRAIN, "training", _recipe, _recipe_arguments, training_results, lines=4, is_repeatable=False),
}
