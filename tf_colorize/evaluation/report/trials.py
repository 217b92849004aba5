"""Sections of the report about harder trials: how hints reach and fill things, and photos that were made old."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from tf_colorize.evaluation import aging, hint_reach, hint_regions
from tf_colorize.evaluation.report import page


def sections(
    reaches: Mapping[str, hint_reach.Reach],
    old: Mapping[str, aging.Aging],
    fillings: Mapping[str, hint_regions.Filling] | None = None,
) -> list[tuple[str, Markup]]:
    """Returns pairs of heading and HTML for the trials that were made.

    Args:
        reaches: results of `hint_reach.evaluate` by model; empty if there are none.
        old: results of `aging.evaluate` by model; empty if there are none.
        fillings: results of `hint_regions.evaluate` by model, if there are any.
    """
    found = []
    if reaches:
        text = (
            f"One dot in the center of each photo, in {len(hint_reach.COLORS)} colors that the photo need not have. "
            f"Far: at least {hint_reach.FAR:.0%} of the sides away; near: up to {hint_reach.NEAR:.0%}. A place "
            f"has moved if its a* and b* changed by over {hint_reach.MOVED:g} units. A hint is meant for one thing, so "
            "little should move far away."
        )
        found.append(("How far a hint reaches", _section(text, *hint_reach.rows(reaches))))
    if fillings:
        text = (
            "Hints in things that were outlined by hand, in colors that the photo need not have; numbers are "
            f"{hint_regions.explained()}."
        )
        found.append(("How hints fill their thing", _section(text, *hint_regions.rows(fillings))))
    if old:
        text = (
            "The photos with one fault of old photos at a time, and as an ordinary old print has them together: only "
            "their lightness changes. The share of the clean gain is how much of the gain in LPIPS over gray is left."
        )
        found.append(("Photos made old", _section(text, *aging.rows(old))))
    return found


def _section(text: str, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Markup:
    heads = [(title, "") for title in titles]
    table = page.table(heads, [(first, "", [(cell, "", False) for cell in cells]) for first, *cells in rows])
    return Markup().join([page.paragraph(text), table])
