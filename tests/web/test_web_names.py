"""The page names results and hints files as the command does."""

import pathlib

import web_browser

from tf_colorize.albums import hints_beside
from tf_colorize.photos import files, find

# Modules for a browser; no name needs its canvas.
CANVAS = "globalThis.OffscreenCanvas = class { getContext() {} };"
ODD = ["Reel No. 5", "Reel No. 6", "St. Louis.JPG", "v1.2.png", "a.jpg.5", ".jpg", "x.", "1923", "a.Tiff", "x.avif.mp4"]


def test_only_known_endings_are_suffixes():
    names = [*ODD, *(f"Box No. 7{suffix}" for suffix in (*files.IMAGE_SUFFIXES, *find.FILM_SUFFIXES))]
    code = """
        const { resultName } = await import("./src/page/saving.js");
        const { nameFor, stemOf } = await import("./src/photo/hints_file.js");
        const all = given.map((name) => [stemOf(name), resultName(name, "image/png"), nameFor(stemOf(name))]);
        console.log(JSON.stringify(all));
    """
    for name, (stem, result, hints) in zip(names, web_browser.in_node(CANVAS + code, *names), strict=True):
        assert stem == find.split_suffix(name)[0]
        assert result == f"{stem}{find.RESULT_MARK}{pathlib.Path(name).suffix if name.endswith('.png') else '.png'}"
        assert hints == hints_beside.name_for(name)


def test_photos_and_films_are_those_of_the_command():
    code = """
        import { isFilm } from "./src/codecs/films.js";
        import { FILMS, PHOTOS } from "./src/photo/suffixes.js";
        const head = new Uint8Array();
        console.log(JSON.stringify([PHOTOS, FILMS, given.filter((name) => isFilm(head, { name }))]));
    """
    films = [f"x{suffix}" for suffix in find.FILM_SUFFIXES]
    others = [*(f"x{suffix}" for suffix in files.IMAGE_SUFFIXES), "mp4", "x.mp", "x.mp4.zip"]
    found = web_browser.in_node(code, *films, *others)
    assert [sorted(f".{suffix}" for suffix in suffixes) for suffixes in found[:2]] == [
        sorted(files.IMAGE_SUFFIXES),
        sorted(find.FILM_SUFFIXES),
    ]
    assert found[2] == films
