"""The frame of a report, one HTML document that fetches nothing, and the elements that its sections use.

They are the templates in `templates/`, which escape all text. What is already HTML is a `markupsafe.Markup`, such as
the elements that are returned here.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tf_colorize import installation

with installation.explained():
    import jinja2
    from markupsafe import Markup

Cell = tuple[str, str, bool]
"""A value, small text below it, and whether it is the best of its column."""


@functools.cache
def _templates():
    loader = jinja2.PackageLoader("tf_colorize.evaluation.report")
    return jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)


def _part(name: str, *arguments: Any) -> Markup:
    return getattr(_templates().get_template("parts.html").module, name)(*arguments)


def document(title: str, subtitle: str, sections: Iterable[tuple[str, Markup]]) -> str:
    """Returns an HTML document.

    Args:
        title: Plain text.
        subtitle: Plain text.
        sections: Pairs of a heading, plain text, and HTML.
    """
    return _templates().get_template("document.html").render(title=title, subtitle=subtitle, sections=list(sections))


def paragraph(text: str) -> Markup:
    """Returns a paragraph of explanation, plain text."""
    return _part("paragraph", text)


def gallery(titles: Sequence[str], rows: Sequence[Sequence[tuple[str, str, str]]]) -> Markup:
    """Returns rows of pictures under their titles.

    Args:
        titles: Plain text.
        rows: For each photo, `(uri, alternative text, caption)` for each title.
    """
    return _part("gallery", titles, rows)


def chart(caption: str, svg: str) -> Markup:
    """Returns a chart, an `<svg>` element, with its caption, plain text."""
    return _part("chart", caption, Markup(svg))


def charts(all_of_them: Sequence[Markup]) -> Markup:
    """Returns charts side by side, as far as there is room."""
    return _part("charts", all_of_them)


def legend(entries: Mapping[str, str]) -> Markup:
    """Returns a legend of plain text -> color."""
    return _part("legend", entries)


def terms(entries: Sequence[tuple[str, str | Markup]]) -> Markup:
    """Returns a list of pairs of a term and its description; HTML only as `Markup`."""
    return _part("terms", entries)


def table(heads: Sequence[tuple[str, str]], rows: Sequence[tuple[str, str, Sequence[Cell]]]) -> Markup:
    """Returns a table of figures.

    Args:
        heads: For each column, its title and small text below it.
        rows: For each row, its name, "" or its kind ("baseline", "truth"), and its cells.
    """
    return _part("table", heads, rows)
