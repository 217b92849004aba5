"""Hints files with fields unknown to the page: it reports them, and saves them again."""

import io
import json
import zipfile

import pytest
import web_browser
import web_stage
from playwright import sync_api

from tf_colorize import hints, look_files

pytest_plugins = ["web_fixtures"]

FILE = {
    "version": 1,
    "hints": [
        {"x": 5, "y": 6, "color": "#2040c0", "size": 9, "time": 2.5, "of": {"a": ["later version"]}},
        {"x": 7, "y": 8, "color": "#c02040"},
    ],
    "look": {"vividness": 1.2, "warmth": -0.3, "reference": ["wedding.jpg"], "grain": 0},
    "camera": {"name": "Leica", "lenses": [35, 50]},
}


def saved(visitor):
    with visitor.page.expect_download() as download:
        visitor.page.click("#save-hints")
    with open(download.value.path(), encoding="utf-8") as file:
        return json.load(file)


def opens(visitor, content):
    visitor.choose(("photo.hints.json", json.dumps(content).encode()))


def test_unknown_fields_are_reported_saved_again_and_kept(new_visitor, hinting_server):
    visitor = new_visitor(hinting_server.url).wait_until_ready()
    visitor.colors("photo.png", web_stage.PHOTO)
    opens(visitor, FILE)
    unknown = "“camera”, “reference”, “grain”, “time”, “of”"
    visitor.sees(".notice", f"photo.hints.json: This page does not use {unknown}, but saves it again with the hints.")
    assert saved(visitor) == FILE
    visitor.sees("#kept", "1 photo (")
    visitor.page.reload()
    visitor.sees("#info", "Colorized")
    sync_api.expect(visitor.page.locator(".dot")).to_have_count(2)
    assert saved(visitor) == FILE
    # What the visitor changes is new; the rest stays.
    visitor.page.locator("#warmth").fill("0")
    visitor.sets_vividness(100)
    visitor.page.locator(".dot").last.press("Delete")
    visitor.page.locator(".dot").click()
    visitor.page.fill("#code", "#108030")
    visitor.page.locator("#code").blur()
    first = {**FILE["hints"][0], "color": "#108030"}
    rest_of_look = {"reference": ["wedding.jpg"], "grain": 0}
    without_look = saved(visitor)
    assert without_look == {**FILE, "hints": [first], "look": rest_of_look}
    visitor.sets_vividness(120)
    assert saved(visitor)["look"] == {"vividness": 1.2, "warmth": 0, **rest_of_look}
    assert visitor.errors == []


@pytest.mark.parametrize(
    "content", [{"version": 1, "hints": [], "look": {"reference": "a.jpg"}}, FILE], ids=["look", "all"]
)
def test_python_reads_what_the_page_writes_again(colorized, tmp_path, content):
    (tmp_path / "wedding.jpg").write_bytes(web_browser.encoded(web_stage.colored(), "JPEG"))
    (tmp_path / "a.jpg").write_bytes(web_browser.encoded(web_stage.colored(), "JPEG"))
    opens(colorized, content)
    colorized.sees(".notice", "“reference”")
    before, after = tmp_path / "before.hints.json", tmp_path / "after.hints.json"
    before.write_text(json.dumps(content))
    after.write_text(json.dumps(saved(colorized)))
    assert hints.read_with_look(after) == hints.read_with_look(before)
    assert look_files.read(after)["reference"]


def test_another_file_takes_the_place_of_all_but_a_look_that_it_lacks(colorized):
    opens(colorized, FILE)
    colorized.sees(".notice", "“camera”")
    opens(colorized, {"version": 1, "hints": [{"x": 1, "y": 2, "color": "#108030"}], "place": "Rome"})
    colorized.sees(".notice >> nth=1", "“place”")
    assert saved(colorized) == {
        **{"version": 1, "hints": [{"x": 1, "y": 2, "color": "#108030"}]},
        **{"look": FILE["look"], "place": "Rome"},
    }
    colorized.page.click("#undo")
    assert saved(colorized) == FILE


def test_the_archive_has_the_hints_file_of_a_photo_with_nothing_else(colorized):
    opens(colorized, {"version": 1, "hints": [], "look": {"reference": ["a.jpg"]}})
    colorized.sees(".notice", "“reference”")
    colorized.choose(("plain.png", web_stage.PHOTO))
    colorized.waits_for_all(2)
    _, received = colorized.downloads("#download-all")
    with zipfile.ZipFile(io.BytesIO(received)) as archive:
        assert archive.namelist() == ["photo.color.png", "photo.hints.json", "plain.color.png"]
        assert json.loads(archive.read("photo.hints.json"))["look"] == {"reference": ["a.jpg"]}
