"""What every exported artifact carries, and how it gets to its place: complete or not at all."""

import contextlib
import pathlib
import shutil
import tempfile

from tf_colorize import metadata as generator_metadata


def metadata_of(metadata, image_size):
    """Returns metadata for an artifact, complete, with the size it is made for."""
    return {**(metadata or {}), **generator_metadata.generator_metadata(image_size)}


@contextlib.contextmanager
def written_whole(path, *, overwrite):
    """Gives a temporary path beside `path` that replaces it when the block ends without an error.

    Args:
        path: File or folder to write.
        overwrite: Whether one that exists is replaced.

    Raises:
        ValueError: it exists and must not be replaced.
    """
    path = pathlib.Path(path)
    if path.exists() and not overwrite:
        raise ValueError(
            f"`path` must be new unless `overwrite` is set. Received: path={str(path)!r}, which exists. "
            "TF Serving expects a new version number."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    # Beside it, because a rename within a file system is atomic; the dot hides it from servers.
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".exporting-") as temporary:
        finished = pathlib.Path(temporary, path.name)
        yield finished
        if path.is_dir():
            shutil.rmtree(path)
        finished.replace(path)
