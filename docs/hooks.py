"""Brings files of the repository into the manual: pages that live elsewhere, pictures and examples.

A page in `docs/` links to a file of the repository by its relative path, as GitHub shows it
(`../saved_models/gallery/photos.jpg`). The site has a copy of each such file under `files/`.
"""

import pathlib
import posixpath
import re

from mkdocs.structure.files import File

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGES = {
    "saved_models/README.md": "model-card.md",
    "saved_models/TRAINING.md": "how-it-was-trained.md",
    "CHANGELOG.md": "changelog.md",
}
"""Files of the repository that are pages of the manual."""
SETTINGS = "<!-- the table of settings -->"
"""Where a page has the table of all settings of a training."""
_LINK = re.compile(r"(?<=\]\()(?!\w+:|#|/)([^)#\s]+)")


def _site_path(source, target):
    """Returns where the site has the `target` of a link in the repository's file `source`."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
    return PAGES.get(path) or (path.removeprefix("docs/") if path.startswith("docs/") else f"files/{path}")


def _rewritten(text, source):
    return _LINK.sub(lambda match: _site_path(source, match[1]), text)


def on_files(files, config):
    """Adds the pages of `PAGES` and the files that any page links to."""
    sources = {f"docs/{path.name}": path for path in sorted((ROOT / "docs").glob("*.md"))}
    sources |= {name: ROOT / name for name in PAGES}
    for source, path in sources.items():
        text = path.read_text()
        if source in PAGES:
            files.append(File.generated(config, PAGES[source], content=_rewritten(text, source)))
        for target in _LINK.findall(text):
            copy = _site_path(source, target)
            original = ROOT / copy.removeprefix("files/")
            if copy.startswith("files/") and original.is_file() and copy not in files.src_uris:
                files.append(File.generated(config, copy, abs_src_path=str(original)))
    return files


def on_page_markdown(markdown, page, **_):
    """Points links to files of the repository at their copies, and writes the table of settings."""
    if SETTINGS in markdown:
        from tf_colorize.commands import train

        markdown = markdown.replace(SETTINGS, train.manual_table())
    is_generated = page.file.src_uri in PAGES.values()
    return markdown if is_generated else _rewritten(markdown, f"docs/{page.file.src_uri}")
