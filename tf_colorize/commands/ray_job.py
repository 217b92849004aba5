"""A job on a Ray cluster: what each worker does, and which cluster it is: one that is there, or one for this job."""

from __future__ import annotations

import dataclasses
import os
import typing
from collections.abc import Callable

from tf_colorize import installation

# No heavy imports up here: `tf-colorize cluster --help` must answer at once.

if typing.TYPE_CHECKING:
    from tf_colorize.albums import work
    from tf_colorize.archives import buckets, hiring, packed, places


@dataclasses.dataclass(frozen=True)
class Start:
    """What each worker does first: it loads the model and makes the function that colors one photo."""

    model: packed.PackedModel
    settings: work.Options

    def __call__(self) -> Callable[[work.Job], work.Outcome]:
        from PIL import Image

        from tf_colorize.albums import crowd, work
        from tf_colorize.inference import colorizer

        Image.MAX_IMAGE_PIXELS = None  # `max_pixels` takes its place
        path, settings = self.model.unpack(), self.settings  # the function must not hold the bytes of the model
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
        address: HOST:PORT, "auto" for the cluster that this machine belongs to, or None for what RAY_ADDRESS says,
            otherwise a cluster of this machine alone.
        n_workers: How many; None takes one for each processor of the cluster.
        places_of_job: Where the photos are, and where the results go.
        start: What each worker does first.
        tell: Called with a line for people.

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
            tell(f"warning: whoever reaches the cluster at {address} can run programs on it; start it with tokens")
    return hiring.Hired(ray_process.Task(address, n_workers, places_of_job, start), environment, tell)
