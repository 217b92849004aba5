"""The machine-readable model card describes the files and agrees with the pages."""

import hashlib
import json
import pathlib
import re
import zipfile

import pytest

ROOT = pathlib.Path(__file__).parents[2]
SHIPPED = ROOT / "saved_models"
CARD = json.loads((SHIPPED / "card.json").read_text(encoding="utf-8"))
PAGES = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "saved_models/README.md")}
PAGES["docs/evaluate.md"] = (ROOT / "docs" / "evaluate.md").read_text(encoding="utf-8")


def tables(text):
    """Yields each table of a Markdown page as (titles, rows)."""
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()]
        yield lines[0], lines[2:]


def shown(measure, value):
    return f"{value:.{CARD['measures'][measure]['decimals']}f}"


def expected_rows(evaluation, measures):
    return {row["name"]: [shown(measure, row[measure]) for measure in measures] for row in evaluation["rows"]}


def name_of(cell):
    plain = cell.replace("*", "").replace("`", "")
    if "shipped model" in plain or plain.startswith("colorizer.tflite"):
        return f"model {CARD['version']}"
    return plain.split(",")[0]


@pytest.mark.parametrize("page", PAGES)
def test_the_pages_have_the_figures_of_the_card(page):
    by_title = {about["title"]: measure for measure, about in CARD["measures"].items()}
    truths = {str(found["truth"]["colorfulness"]): found for found in CARD["evaluation"]}
    compared = 0
    for titles, rows in tables(PAGES[page]):
        truth = re.search(r"truth ([\d.]+)", " ".join(titles))
        measures = [by_title.get(re.sub(r" \(truth .*", "", title)) for title in titles[1:]]
        # Tables of earlier steps have columns of their own.
        if truth is None or None in measures or truth[1] not in truths:
            continue
        expected = expected_rows(truths[truth[1]], measures)
        actual = {name_of(cells[0]): cells[1:] for cells in rows}
        assert actual == {name: cells for name, cells in expected.items() if name in actual}
        assert f"model {CARD['version']}" in actual
        compared += 1
    assert compared == (1 if page == "README.md" else 2)


def test_the_card_describes_the_files_that_ship():
    listed = dict(reversed(line.split()) for line in (SHIPPED / "SHA256SUMS").read_text().splitlines())
    described = {}
    for file in CARD["files"]:
        path = SHIPPED / file["path"]
        parts = [path] if path.is_file() else [part for part in path.rglob("*") if part.is_file()]
        assert file["bytes"] == sum(part.stat().st_size for part in parts)
        digests = {"": file["sha256"]} if path.is_file() else file["sha256"]
        assert digests == {
            "" if part == path else part.relative_to(path).as_posix(): hashlib.sha256(part.read_bytes()).hexdigest()
            for part in parts
        }
        described |= {f"{file['path']}/{name}".rstrip("/"): digest for name, digest in digests.items()}
    assert described == listed


def test_the_card_agrees_with_the_metadata():
    with zipfile.ZipFile(SHIPPED / "colorizer.tflite") as archive:
        metadata = json.loads(archive.read("tf_colorize.json"))
    network = CARD["network"]
    assert {key: network[key] for key in ("image_size", "lightness_scale", "ab_scale")} == {
        key: metadata[key] for key in ("image_size", "lightness_scale", "ab_scale")
    }
    assert CARD["license"]["terms"] == metadata["terms"]
    assert f"palette of {len(metadata['palette'])} ab bins" in network["architecture"]


def test_the_readable_card_agrees():
    card = " ".join(PAGES["saved_models/README.md"].split())
    assert f"| {CARD['version']}, shipped | {CARD['released']} |" in card
    assert f"{CARD['network']['parameters'] / 1e6:.1f} M parameters" in card
    assert f"**Trained on** {CARD['training_data']['photos']:,} color photographs" in card
    for file in CARD["files"]:
        row = next(line for line in PAGES["saved_models/README.md"].splitlines() if f"`{file['path']}" in line)
        assert f"{file['bytes'] / 1e6:.1f} MB" in row and file["weights"] in row
    for gain in CARD["hints"]["psnr_gain_db"].values():
        assert f" {gain:.2f} " in card
    found = CARD["open_training_data"]
    assert f"{found['photos']:,} photos" in card and f"{found['needed']:,}" in card
    assert all(source["name"] in card for source in found["sources"])


def test_the_counts_of_photos_add_up():
    data, free = CARD["training_data"], CARD["open_training_data"]
    # As they were gathered, with those that were then held out.
    assert sum(source["photos"] for source in data["sources"]) == data["photos"] + data["held_out"]
    assert free["photos"] == sum(source["photos"] for source in free["sources"])
    assert free["unclear_photos"] == sum(source["photos"] for source in free["unclear"])
    # What is decided: no second model, because there are too few photos.
    assert free["photos"] + free["unclear_photos"] < free["needed"]
    assert all(source["terms"] for source in data["sources"])
    open_names = {source["name"] for source in free["sources"]}
    assert {source["name"] for source in data["sources"] if source["license"]} <= open_names
