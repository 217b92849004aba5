"""What a report consists of: records, the table, charts and contact sheets."""

import hashlib
import json
import xml.etree.ElementTree

import evaluated
import numpy as np
import pytest
from PIL import Image

from tf_colorize import evaluation
from tf_colorize.evaluation.report import charts, figures, page, pictures, records


def test_the_same_input_gives_the_same_record(photos, tmp_path):
    run = records.Run("python scripts/evaluate.py", {"sepia": "sepia"})
    written = []
    for name in ("first", "second"):
        sepia = {"sepia": lambda gray: (gray * np.array([1, 0.9, 0.7])).astype(np.uint8)}
        result = evaluation.evaluate(sepia, photos, features=evaluated.mean_pixel_features())
        records.write_metrics(tmp_path / f"{name}.json", result, run)
        records.write_photos(tmp_path / f"{name}.csv", result)
        content = json.loads((tmp_path / f"{name}.json").read_text())
        content.pop("run")
        written.append((json.dumps(content), (tmp_path / f"{name}.csv").read_bytes()))
    assert written[0] == written[1]


def test_hash_of_a_model(tmp_path):
    (tmp_path / "m" / "variables").mkdir(parents=True)
    (tmp_path / "m" / "saved_model.pb").write_bytes(b"graph")
    file = tmp_path / "m" / "variables" / "v.data"
    file.write_bytes(b"weights")
    before = records.sha256_of(tmp_path / "m")
    assert records.sha256_of(file) == hashlib.sha256(b"weights").hexdigest()
    file.rename(file.with_name("w.data"))
    assert records.sha256_of(tmp_path / "m") != before
    (tmp_path / "m" / "generator.keras").write_bytes(b"model")
    assert records.sha256_of(tmp_path / "m") == hashlib.sha256(b"model").hexdigest()
    assert records.sha256_of("http://localhost:8501") is None


def test_table_has_every_figure_and_colorizer(photos):
    result = evaluation.evaluate({"sepia": lambda gray: gray}, photos)
    view = figures.table(result)
    assert [column.header for column in view.columns] == ["", "gray", "warm tint", "sepia", "truth"]
    left_out = {"frechet_distance", "kernel_distance", "lpips"}  # nobody asked
    assert view.row_count == len(figures.FIGURES) - len(left_out) + 1  # and photos/s


def test_scatter_puts_points_where_they_belong():
    root = xml.etree.ElementTree.fromstring(
        charts.scatter([(0, 0), (80, 40)], title="a<b", labels=("x", "y"), size=400)
    )
    first, second = (tuple(float(c.get(key)) for key in ("cx", "cy")) for c in root.iter("circle"))
    origin, corner = root.find("polyline").get("points").split()  # the diagonal, from 0 to the end of both axes
    assert f"{first[0]:.1f},{first[1]:.1f}" == origin
    x, y = (float(value) for value in corner.split(","))
    assert second[0] == pytest.approx(x, abs=0.1)  # 80 is where the axis ends
    assert second[1] == pytest.approx((first[1] + y) / 2, abs=0.1)  # and 40 half way up


def test_shares_are_logarithmic():
    text = charts.shares([-1, 0, 1], [1, 99], {"#123456": [0, 100]}, title="t", label="l", width=400, height=300)
    area, line = xml.etree.ElementTree.fromstring(text).iter("polyline")
    heights = [float(point.split(",")[1]) for point in area.get("points").split()]
    bottom, one_percent = heights[0], heights[1]
    top = float(line.get("points").split()[-1].split(",")[1])  # 100 %
    assert (bottom - one_percent) / (bottom - top) == pytest.approx(3 / 5, abs=0.01)  # 1e-5, 1e-2, 1


def test_contact_sheet_fits_pictures_of_any_shape():
    rows = [[Image.new("RGB", size, color) for color in ("red", "blue")] for size in ((90, 30), (30, 90), (50, 50))]
    sheet = pictures.sheet(rows, ["photo", "model"], side=60, across=4)
    colors = np.asarray(sheet).reshape(-1, 3)
    for color in ([255, 0, 0], [0, 0, 255]):
        assert (colors == color).all(1).sum() == 60 * 20 + 20 * 60 + 60 * 60


def test_no_name_becomes_markup():
    name = '<img src=x onerror="alert(1)"> & co'
    parts = [
        page.paragraph(name),
        page.table([(name, name)], [(name, "", [(name, name, True)])]),
        page.gallery([name], [[("data:,", name, name)]]),
        page.chart(name, charts.scatter([(1, 2)], title=name, labels=(name, name))),
        page.legend({name: "#123456"}),
        page.terms([(name, name)]),
    ]
    text = page.document(name, name, [(name, part) for part in parts])
    assert "<img src=x" not in text and 'onerror="alert' not in text
    # Title, heading and subtitle; six sections; then in each part as often as it was given, in a scatter three times.
    assert text.count("&lt;img src=x") == 3 + 6 + 1 + 5 + 3 + (1 + 3) + 1 + 2
    assert "&amp;lt;" not in text and text.count("<svg") == 1 and "<td" in text
