"""The report's sections about how far hints reach and about aged photos."""

import html.parser

import numpy as np

from tf_colorize.evaluation import aging, hint_reach
from tf_colorize.evaluation.report import page, trials


class Cells(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.rows = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data):
        if self.rows and self.rows[-1] and data.strip():
            self.rows[-1][-1] += data


def test_without_trials_there_is_no_section():
    assert trials.sections({}, {}) == []


def test_each_model_and_color_has_its_figures():
    far = np.tile([0.5, 0.1, 0.2, 0.3, 0.4], (2, 1))
    reach = hint_reach.Reach(far, 10 * far, 20 * far, 2 * far)
    (section,) = trials.sections({"<mine>": reach}, {})
    text = page.document("report", "", [section])  # which escapes all that is not marked as HTML
    assert "reaches" in section[0] and "<mine>" not in text
    rows = Cells(text).rows
    titles, lines = hint_reach.rows({"<mine>": reach})
    assert rows == [titles, *lines]
    assert any("navy" in row and "50.0%" in row for row in rows)
    assert len(rows) == 1 + len(hint_reach.COLORS) + 1


def test_each_fault_has_its_figures():
    n_faults = len(aging.FAULTS)
    gains = np.linspace(0.1, 0.02, n_faults)[None].repeat(3, axis=0)
    result = aging.Aging(gains, gains, 20 + 0 * gains, 40 + 0 * gains)
    (section,) = trials.sections({}, {"mine": result})
    rows = Cells(page.document("report", "", [section])).rows
    assert section[0] == "Photos made old" and len(rows) == 1 + n_faults
    assert [row[1] for row in rows[1:]] == list(aging.FAULTS)
    assert rows[1][2:] == ["+0.10", "0.50", "+0.1000", "100%"] and rows[-1][-1] == "20%"
