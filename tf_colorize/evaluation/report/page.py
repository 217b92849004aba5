"""The HTML of a report: a self-contained document, and the elements of its sections."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

STYLE = """
:root { --ink: #1c1f23; --muted: #6a7179; --line: #e2e5e9; --soft: #f6f7f8; }
* { box-sizing: border-box; }
body { margin: 0; color: var(--ink); background: #fff; }
body, svg { font: 15px/1.5 system-ui, "Segoe UI", Helvetica, Arial, sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 40px 28px 80px; }
h1 { font-size: 30px; line-height: 1.2; margin: 0 0 6px; letter-spacing: -.01em; }
h2 { font-size: 20px; margin: 52px 0 6px; padding-top: 14px; border-top: 1px solid var(--line); }
p { max-width: 78ch; margin: 6px 0 14px; } .muted, figcaption, caption { color: var(--muted); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.figures th { font-weight: 600; font-size: 13px; vertical-align: bottom; line-height: 1.25; }
.figures { margin-bottom: 26px; } .figures td { vertical-align: top; }
.figures th, .figures td { padding: 7px 0 7px 28px; text-align: right; border-bottom: 1px solid var(--line); }
.figures th:first-child { text-align: left; vertical-align: top; white-space: nowrap; }
.figures th:first-child { padding-left: 0; font-size: 15px; }
.figures small { display: block; color: var(--muted); font-size: 11.5px; font-weight: 400; white-space: nowrap; }
.figures .best { font-weight: 700; } .figures .baseline, .figures .baseline th { color: var(--muted); }
.figures .baseline th { font-weight: 400; } .figures .truth th, .figures .truth td { border-bottom: 0; }
.charts { display: flex; flex-wrap: wrap; gap: 12px 28px; }
figure { margin: 0; } figcaption { font-size: 13px; } .chart figcaption { color: var(--ink); font-weight: 600; }
svg { display: block; max-width: 100%; height: auto; font-size: 11px; }
svg text { fill: var(--muted); } svg .label { font-size: 12px; fill: var(--ink); }
svg .grid { stroke: var(--line); } svg .diagonal { stroke: #9aa1a9; stroke-dasharray: 4 4; }
svg .truth { fill: #d3d7dc; stroke: none; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 10px 0; font-size: 13px; }
.legend i { display: inline-block; width: 14px; height: 10px; margin-right: 6px; border-radius: 2px; }
.gallery { display: grid; gap: 14px 10px; grid-template-columns: repeat(var(--columns), minmax(120px, 256px)); }
.gallery b { position: sticky; top: 0; background: #fff; padding: 6px 0; font-size: 13px; overflow-wrap: anywhere; }
.gallery img { display: block; width: 100%; background: var(--soft); }
.gallery figcaption { font-size: 12px; line-height: 1.35; padding-top: 3px; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 5px 20px; margin: 8px 0; font-size: 14px; }
dt { font-weight: 600; } dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
pre { background: var(--soft); border: 1px solid var(--line); border-radius: 6px; padding: 10px 14px; margin: 4px 0;
  font-size: 12.5px; white-space: pre-wrap; overflow-wrap: anywhere; }
code { font-size: 12.5px; }
@media (max-width: 700px) { main { padding: 20px 14px; } dl { grid-template-columns: 1fr; } dd { margin-bottom: 8px; } }
@media print { .gallery figure, .chart { break-inside: avoid; } .gallery b { position: static; } }
""".strip()


def document(title: str, subtitle: str, sections: Any) -> str:
    """Returns an HTML document.

    Args:
        title: plain text.
        subtitle: plain text.
        sections: pairs of a heading, plain text, and HTML.
    """
    body = "\n".join(f"<section><h2>{html.escape(heading)}</h2>\n{content}</section>" for heading, content in sections)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>\n{STYLE}\n</style></head>\n'
        f'<body><main><h1>{html.escape(title)}</h1>\n<p class="muted">{html.escape(subtitle)}</p>\n{body}\n'
        "</main></body></html>\n"
    )


def gallery(titles: Sequence[str], rows: Any) -> str:
    """Returns rows of pictures under their titles.

    Args:
        titles: plain text.
        rows: for each photo a list of `(uri, alternative text, caption)`, one for each title.
    """
    heads = "".join(f"<b>{html.escape(title)}</b>" for title in titles)
    cells = "\n".join(
        f'<figure><img loading="lazy" src="{uri}" alt="{html.escape(alternative)}">'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
        for row in rows
        for uri, alternative, caption in row
    )
    return f'<div class="scroll"><div class="gallery" style="--columns: {len(titles)}">{heads}\n{cells}</div></div>\n'


def chart(caption: str, svg: str) -> str:
    """Returns a chart with its caption, plain text."""
    return f'<figure class="chart"><figcaption>{html.escape(caption)}</figcaption>{svg}</figure>\n'


def legend(entries: Any) -> str:
    """Returns a legend of a dict of plain text to color."""
    parts = (f'<span><i style="background: {color}"></i>{html.escape(name)}</span>' for name, color in entries.items())
    return f'<div class="legend">{"".join(parts)}</div>\n'


def terms(entries: Any) -> str:
    """Returns a list of pairs of a term, plain text, and its description, HTML."""
    return "<dl>" + "".join(f"<dt>{html.escape(term)}</dt><dd>{text}</dd>\n" for term, text in entries) + "</dl>\n"
