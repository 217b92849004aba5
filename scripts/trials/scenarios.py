"""Commands on small inputs, for trials that disturb them.

The functions named in `Scenario.run` run in the forks of forks.py, everything else in the trial.
"""

import contextlib
import dataclasses
import pathlib
from collections.abc import Callable

from trials import inputs

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
        content: Returns what of a file matters to the same command, None for nothing. Two states of a folder with the
            same contents count as the same.
    """

    modules: tuple[str, ...]
    run: str
    make: Callable[[pathlib.Path], None]
    arguments: Callable[[pathlib.Path], list[str]]
    results: Callable[[pathlib.Path], dict[str, object]]
    again: Callable[[pathlib.Path], list[str]] | None = None
    lines: int = 2
    content: Callable[[pathlib.Path], object] = inputs.content


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


def bounded(arguments: list[str]) -> int:
    """Runs `tf-colorize` with 6 GB of address space; inputs that need more fail with an error."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
    return command(arguments)


def training(arguments: list[str]) -> int:
    """Runs `tf-colorize train` with small networks and a checkpoint at each step.

    It runs without graphs, because building them takes most of the time of so short a run.
    """
    tf = _tensorflow()
    import small_networks

    from tf_colorize.training import checkpoints

    tf.config.run_functions_eagerly(True)
    small_networks.install()
    checkpoints.CHECKPOINT_MINUTES = 0.0
    return command(["train", *arguments])


def export(arguments: list[str]) -> int:
    """Runs `tf-colorize export`."""
    _tensorflow()
    return command(["export", *arguments])


def _tensorflow():
    """Imports TensorFlow as the commands do, without its notices, and sets it to one thread."""
    from tf_colorize.commands import quiet

    with quiet.startup():
        import tensorflow as tf
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    return tf


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
            is_complete = False
            while not is_complete:
                is_complete = jobs.is_complete  # asked first: what is listed afterwards is taken in the next round
                while batch := jobs.take(4):
                    yield from zip(batch, self._worker.run(batch))

    @contextlib.contextmanager
    def hired(address, n_workers, places, start, *_):
        yield Alone(places, start)

    ray_job.hired = hired
    return command(["cluster", *arguments])


SCENARIOS = {
    "photo": Scenario(
        READY,
        "command",
        inputs.one_photo,
        lambda folder: inputs.with_tiny_model([folder / "in" / "a.jpg", "-o", folder / "out" / "a.jpg", "--overwrite"]),
        inputs.files,
    ),
    "folder": Scenario(
        READY,
        "command",
        inputs.photos,
        lambda folder: inputs.with_tiny_model([folder / "in", "-o", folder / "out", "--compare", "--jobs", 2]),
        inputs.files,
        lines=8,
    ),
    "film": Scenario(
        FILM,
        "film",
        inputs.film,
        lambda folder: inputs.with_tiny_model([folder / "in" / "movie.mp4", "-o", folder / "out" / "movie.mp4"]),
        inputs.film_results,
    ),
    "cluster": Scenario(
        CLUSTER,
        "worker",
        inputs.photos,
        lambda folder: inputs.with_tiny_model([folder / "in", folder / "out", "--compare"]),
        inputs.files,
        lines=4,
    ),
    "export": Scenario(
        EXPORT,
        "export",
        inputs.network,
        inputs.export_arguments,
        inputs.export_results,
        lines=4,
        content=inputs.export_content,
    ),
    "training": Scenario(
        TRAIN,
        "training",
        inputs.training_photos,
        inputs.train_arguments,
        inputs.training_results,
        again=inputs.resumed,
        lines=4,
        content=inputs.training_content,
    ),
    "recipe": Scenario(
        TRAIN,
        "training",
        inputs.recipe,
        inputs.recipe_arguments,
        inputs.training_results,
        lines=4,
        content=inputs.training_content,
    ),
}
