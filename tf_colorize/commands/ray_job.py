"""A job on a Ray cluster: the setup of each worker, and the choice of the cluster, which may be started for this
job."""

from __future__ import annotations

import dataclasses
import os
import typing
from collections.abc import Callable

from tf_colorize import installation

# No heavy imports at module level: `tf-colorize cluster --help` must answer at once.

if typing.TYPE_CHECKING:
    from tf_colorize.albums import work
    from tf_colorize.archives import buckets, hiring, packed, places


@dataclasses.dataclass(frozen=True)
class Start:
    """Setup of each worker: loads the model and returns the function that colorizes one photo."""

    model: packed.PackedModel
    settings: work.Options

    def __call__(self) -> Callable[[work.Job], work.Outcome]:
        from PIL import Image

        from tf_colorize.albums import crowd, work
        from tf_colorize.inference import colorizer

        Image.MAX_IMAGE_PIXELS = None  # `max_pixels` replaces Pillow's limit
        path, settings = self.model.unpack(), self.settings  # the function must not keep the bytes of the model alive
        try:
            with installation.explained():
                colorize = colorizer.Colorizer.load(path, threads=1)
        except (ValueError, installation.MissingPackage) as error:
            raise ValueError(str(error).replace(path, self.model.name)) from error
        return crowd.within_memory(lambda job: work.colorize_file(colorize, job, settings))


def hired(
    address: str | None,
    n_workers: int | None,
    places_of_job: tuple[places.Folder | buckets.Bucket, places.Folder | buckets.Bucket],
    start: Start,
    tell: Callable[[str], None],
) -> hiring.Hired:
    """Connects to a cluster, or starts one for this job, and returns workers on it; they end with the job.

    Args:
        address: HOST:PORT, "auto" for the cluster that this machine belongs to, or None for RAY_ADDRESS or, if that is
            not set, a cluster of this machine alone.
        n_workers: Number of workers; None: one for each processor of the cluster.
        places_of_job: The places of the photos and of the results.
        start: Setup that each worker runs first.
        tell: Called with a line to show.

    Raises:
        ValueError: the cluster cannot be used.
        MissingPackage: Ray is not installed.
    """
    from tf_colorize.archives import heads, hiring, ray_process

    address = address or os.environ.get("RAY_ADDRESS") or ray_process.OWN
    if address == ray_process.OWN:
        heads.check_installed()
        environment = heads.environment_of_own()
    else:
        head = heads.find(address)
        address, environment = head.address, {heads.MODE: "token" if head.wants_token else "disabled"}
        if not head.wants_token:
            tell(
                f"warning: anyone who can reach the cluster at {address} can run programs on it; start it with a token"
            )
    return hiring.Hired(ray_process.Task(address, n_workers, places_of_job, start), environment, tell)
