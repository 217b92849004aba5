"""Shows the examples of docstrings as code in the API reference."""

import re
import textwrap

import griffe

_EXAMPLE = re.compile(r"^Example:\n\n?((?:.+(?:\n|\Z))+)", re.MULTILINE)


class DocstringExamples(griffe.Extension):
    """Fences what is under `Example:`."""

    def on_instance(self, *, obj, **_):
        if obj.docstring:
            obj.docstring.value = _EXAMPLE.sub(_fenced, obj.docstring.value)


def _fenced(match):
    return f"**Example**\n\n```pycon\n{textwrap.dedent(match[1]).rstrip()}\n```\n"
