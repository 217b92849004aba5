"""Further measurements of `tf-colorize evaluate`: hints, outlined regions, references and artificially aged photos."""

from __future__ import annotations

import argparse
import functools
import typing
from collections.abc import Mapping, Sequence
from typing import Any

# No heavy imports at module level: `tf-colorize evaluate --help` must answer at once.

if typing.TYPE_CHECKING:
    import rich.progress


def hints(options: argparse.Namespace, colorizers: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the gain from hints and the reach of a hint, each by the name of a model that takes hints."""
    from tf_colorize.evaluation import hint_gains, hint_reach
    from tf_colorize.photos import find

    paths, curves, reaches = find.find_photos(options.data).photos, {}, {}
    with bar() as progress:
        for name, one in colorizers.items():
            if one.takes_hints:
                task = progress.add_task(f"hints, {name}", total=2 * len(paths))
                advance = functools.partial(progress.advance, task)
                curves[name] = hint_gains.evaluate(
                    one, paths, options.hints, protocol=options.protocol, progress=advance
                )
                reaches[name] = hint_reach.evaluate(one, paths, protocol=options.protocol, progress=advance)
    return curves, reaches


def hint_regions(colorizers: Mapping[str, Any], regions: Sequence[Any]) -> dict[str, Any]:
    """Returns how hints fill regions, by the name of each model that takes hints."""
    from tf_colorize.evaluation import hint_regions

    fillings = {}
    with bar() as progress:
        for name, one in colorizers.items():
            if one.takes_hints:
                task = progress.add_task(f"regions, {name}", total=len(regions))
                advance = functools.partial(progress.advance, task)
                fillings[name] = hint_regions.evaluate(one, regions, progress=advance)
    return fillings


def references(options: argparse.Namespace, colorizers: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what references gain, by the name of each model that takes hints."""
    from tf_colorize.evaluation import reference_gains
    from tf_colorize.photos import find

    paths, gains = find.find_photos(options.data).photos, {}
    with bar() as progress:
        for name, one in colorizers.items():
            if one.takes_hints:
                task = progress.add_task(f"references, {name}", total=len(paths) + 3 * options.reference)
                advance = functools.partial(progress.advance, task)
                gains[name] = reference_gains.evaluate(one, paths, options.reference, progress=advance)
    return gains


def old_photos(options: argparse.Namespace, colorizers: Mapping[str, Any], lpips: Any) -> dict[str, Any]:
    """Returns the results on artificially aged photos by the name of each model."""
    from tf_colorize.evaluation import aging
    from tf_colorize.photos import find

    paths, results = find.find_photos(options.data).photos, {}
    with bar() as progress:
        for name, one in colorizers.items():
            task = progress.add_task(f"old photos, {name}", total=len(paths))
            advance = functools.partial(progress.advance, task)
            results[name] = aging.evaluate(one, paths, protocol=options.protocol, lpips=lpips, progress=advance)
    return results


def bar() -> rich.progress.Progress:
    """Returns a progress bar on standard error."""
    import rich.console
    import rich.progress

    return rich.progress.Progress(console=rich.console.Console(stderr=True))
