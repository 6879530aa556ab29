"""The report: all that was found is on one page that needs nothing else, shows names as they are,
and works in a browser and on paper."""

from __future__ import annotations

import base64
import dataclasses
import importlib.util
import json
import math
import re
import shutil
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simkit.errors import DatasetError
from simkit.evaluate.report import numbers, render_page, write_report
from simkit.evaluate.report.classes import panels_of
from simkit.evaluate.report.glossary import MEASURES, PROTOCOLS, SCORES, explain
from simkit.evaluate.report.measures import standing
from simkit.evaluate.report.overlays import edges_of
from simkit.evaluate.report.palette import looks_of
from simkit.evaluate.result import (
    Curve,
    Distribution,
    Evaluation,
    Failure,
    Finding,
    Measure,
    Pair,
    Score,
    SetSummary,
    Verdict,
)
from simkit.metrics.estimate import Estimate

REPOSITORY = Path(__file__).resolve().parents[2]

SECTIONS = ("measures", "scores", "comparisons", "curves", "findings", "images", "labels", "pairs",
            "failures", "sets", "provenance")  # fmt: skip
HOSTILE = "<script>alert('x')</script>\"&quot; <b>bold</b> ' ${7*7} {{7*7}}"
MEGABYTE = 1_000_000


class Page(HTMLParser):
    """What an HTML page is made of: elements in order, ids, text by element."""

    VOID = ("meta", "img", "link", "br", "path", "circle")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: dict[str, str] = {}
        self.words = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()

    @property
    def ids(self) -> list[str]:
        return [attributes["id"] for _, attributes in self.elements if "id" in attributes]

    def of(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {key: value or "" for key, value in attrs}))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self._open, tag
            assert self._open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        where = self._open[-1] if self._open else ""
        self.texts[where] = self.texts.get(where, "") + data
        if where not in ("script", "style"):
            self.words += " " + data


@pytest.fixture(scope="module")
def made_up() -> ModuleType:
    """The module of the documentation that makes up an evaluation."""
    path = REPOSITORY / "docs" / "made_up_evaluation.py"
    spec = importlib.util.spec_from_file_location("made_up_evaluation", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("evaluation")


@pytest.fixture(scope="module")
def evaluation(made_up: ModuleType, folder: Path) -> Evaluation:
    return made_up.made_up_evaluation(folder)


@pytest.fixture(scope="module")
def path(evaluation: Evaluation, folder: Path) -> Path:
    return write_report(evaluation, folder)


@pytest.fixture(scope="module")
def page(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


def figures(page_text: str) -> dict[str, Any]:
    """The Plotly figures that a page carries."""
    found = re.search(r'<script type="application/json" id="plots">(.*?)</script>', page_text)
    assert found is not None
    return json.loads(found[1])


def render(**parts: Any) -> str:
    return render_page(Evaluation(**{"title": "t", **parts}), Path("nowhere"))


# What is on the page


def test_all_sections_stand_in_order_and_in_the_contents(page: Page) -> None:
    found = [one for one in page.ids if one in SECTIONS]
    assert found == list(SECTIONS)
    links = [one["href"] for one in page.of("a")]
    for section in (*SECTIONS, "verdict"):
        assert f"#{section}" in links
    targets = {one[1:] for one in links if one.startswith("#")}
    assert targets <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))


def test_the_verdict_is_words_before_all_else(page: Page, evaluation: Evaluation) -> None:
    for one in evaluation.verdicts:
        assert one.text in page.words
        assert one.level.capitalize() in page.words
    assert page.words.index(evaluation.verdicts[0].text) < page.words.index("Contents")
    assert "differences that matter" in page.words


def test_every_measure_score_and_finding_is_there(page: Page, evaluation: Evaluation) -> None:
    for measure in evaluation.measures:
        one = measure.estimate
        assert one.name in page.words
        assert explain(one.name, MEASURES), one.name
        places = numbers.decimals(one.floor_low, one.floor_high)
        assert numbers.number(one.value, places)[:4] in page.words
    for score in evaluation.scores:
        assert explain(score.metric, SCORES)
        assert explain(score.protocol, PROTOCOLS)
        for value in (score.value, score.low, score.high, *score.seeds):
            assert f"{100 * value:.1f}" in page.words
        for name, (value, _, _) in score.per_class.items():
            assert name in page.words
            assert f"{100 * value:.1f}" in page.words
    for finding in evaluation.findings:
        assert finding.text in page.words
    for comparison in evaluation.comparisons:
        assert comparison.text in page.words
    for command in evaluation.commands:
        assert command in page.words
    for text in ("2026-11-20", "3.11.2", "8 cores", "0, 1, 2"):
        assert text in page.words


def test_what_matters_comes_first_and_the_rest_is_folded(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    matters, small, none = (
        text.index(one)
        for one in ("less texture than photos", "Saturation is a little", "a copy of")
    )
    assert matters < small < none
    assert "<details" not in text[text.index('id="findings"') : matters]
    assert text.rindex("<details>", 0, small) > matters


def test_tables_pictures_and_plots_are_accessible(page: Page) -> None:
    assert page.elements[0] == ("html", {"lang": "en"})
    headings = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert headings[0] == 1
    assert headings.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(headings))
    for attributes in page.of("th"):
        assert attributes["scope"] in ("col", "row")
    assert page.of("img")
    for attributes in page.of("img"):
        assert len(attributes["alt"]) > 10
    plots = [one for one in page.of("div") if "data-plot" in one]
    assert len(plots) == len({one["data-plot"] for one in plots}) > 30
    for attributes in plots:
        assert attributes["role"] == "img"
        assert len(attributes["aria-label"]) > 10


def test_a_set_keeps_its_colour(path: Path, evaluation: Evaluation) -> None:
    looks = looks_of(evaluation)
    drawn: dict[str, set[str]] = {}
    for figure in figures(path.read_text()).values():
        for trace in figure["data"]:
            if "meta" in trace and "marker" in trace:
                drawn.setdefault(trace["meta"], set()).add(trace["marker"]["color"])
    assert drawn == {name: {look.color} for name, look in looks.items()}
    assert len({(look.color, look.symbol) for look in looks.values()}) == len(looks)
    assert len({look.color for look in looks.values()}) == 4


def test_thirty_sets_are_told_apart() -> None:
    sets = [SetSummary(f"s{place}", "synthetic", "", 1, 1, {}) for place in range(30)]
    looks = looks_of(Evaluation("t", sets=[*sets, SetSummary("r", "real", "", 1, 1, {})]))
    assert len({(look.color, look.symbol) for look in looks.values()}) == 31
    assert looks["r"].color not in {look.color for look in looks.synthetic}


def test_plots_are_what_plotly_accepts(path: Path) -> None:
    import plotly.graph_objects as go

    for figure in figures(path.read_text()).values():
        go.Figure(figure)  # raises on a wrong key or value


# Nothing else is needed


def test_nothing_is_loaded_from_anywhere(page: Page, path: Path) -> None:
    for tag, attributes in page.elements:
        for key in ("src", "href", "data", "action", "srcset", "poster"):
            value = attributes.get(key, "")
            assert not value or value.startswith(("data:", "#")), f"{tag} {key}"
        assert "url(" not in attributes.get("style", "")
    style = page.texts["style"]
    assert "url(" not in style
    assert "@import" not in style
    text = path.read_text()
    without_scripts = re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)
    assert len(without_scripts) < len(text) - 3 * MEGABYTE
    assert "http:" not in without_scripts
    assert "https:" not in without_scripts
    assert text.count("plotly.js v") == 1
    (policy,) = [
        one["content"]
        for one in page.of("meta")
        if one.get("http-equiv") == "Content-Security-Policy"
    ]
    assert "default-src 'none'" in policy
    assert "http" not in policy


def test_json_lies_beside_it(path: Path, evaluation: Evaluation) -> None:
    assert Evaluation.read(path.parent) == evaluation


def test_the_same_evaluation_gives_the_same_page(evaluation: Evaluation, path: Path) -> None:
    again = render_page(Evaluation.read(path.parent), path.parent)
    assert again == path.read_text(encoding="utf-8")


def test_the_command_makes_the_page_again(path: Path, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from simkit.cli.main import app

    made = tmp_path / "new" / "page.html"
    result = CliRunner().invoke(app, ["report", str(path.parent), "--out", str(made)])
    assert result.exit_code == 0, result.output
    assert made.read_bytes() == path.read_bytes()
    failed = CliRunner().invoke(app, ["report", str(tmp_path)])
    assert failed.exit_code == 1
    assert "simkit evaluate" in failed.output


# What is not ordinary


def test_names_are_shown_as_they_are() -> None:
    """A name can hold mark-up of HTML, of Plotly's text and of templates; none of it works."""
    text = render(
        title=HOSTILE,
        verdicts=[Verdict("good", HOSTILE), Verdict("poor", HOSTILE, HOSTILE)],
        sets=[SetSummary(HOSTILE, "synthetic", HOSTILE, 1, 1, {HOSTILE: 3}, {HOSTILE: HOSTILE})],
        measures=[Measure(HOSTILE, Estimate(HOSTILE, 1.0, 0.5, 1.5, 1.0, note=HOSTILE))],
        findings=[Finding(HOSTILE, HOSTILE, HOSTILE, 1, 2, 3, 0.1, True, True)],
        distributions=[Distribution(HOSTILE, HOSTILE, HOSTILE, "image", [1.0, 2.0], [2.0, 3.0])],
        scores=[
            Score(HOSTILE, HOSTILE, HOSTILE, HOSTILE, 0.5, 0.4, 0.6, [0.5], 1, 1,
                  {HOSTILE: [0.5, 0.4, 0.6]})
        ],
        curves=[Curve(HOSTILE, HOSTILE, HOSTILE, HOSTILE, [1.0, 2.0], [0.1, 0.2], [0, 0], [1, 1])],
        pairs=[Pair(HOSTILE, HOSTILE, HOSTILE, 0.1, HOSTILE)],
        failures=[Failure(HOSTILE, HOSTILE, 0.1, HOSTILE)],
        provenance={HOSTILE: {HOSTILE: [HOSTILE]}},
        commands=[HOSTILE],
    )  # fmt: skip
    page = Page(text)
    assert len(page.of("script")) == 3
    assert "alert(" not in page.texts["script"].replace(figures_text(text), "")
    assert "<script>alert" not in figures_text(text)
    assert page.words.count(HOSTILE) >= 20
    assert "{{7*7}}" in page.words
    assert not any(key.startswith("on") for _, attributes in page.elements for key in attributes)
    shown = json.dumps([figure["layout"] for figure in figures(text).values()])
    assert "<b>" not in shown
    for figure in figures(text).values():
        for trace in figure["data"]:
            assert "<script" not in json.dumps(trace.get("text", ""))


def figures_text(text: str) -> str:
    return re.findall(r'id="plots">(.*?)</script>', text)[0]


def test_what_has_no_data_is_left_out() -> None:
    page = Page(render())
    assert [one for one in page.ids if one in (*SECTIONS, "verdict")] == []
    assert figures(render()) == {}
    page = Page(render(commands=["simkit evaluate"]))
    assert [one for one in page.ids if one in SECTIONS] == ["provenance"]


def test_measures_without_interval_or_floor() -> None:
    text = render(
        measures=[Measure("a", Estimate("FD-x", 3.0)), Measure("b", Estimate("KD-x", math.nan))]
    )
    assert "3" in Page(text).words
    assert "NaN" not in figures_text(text)


def test_numbers_that_are_not_finite_do_not_break_it() -> None:
    nan, inf = math.nan, math.inf
    text = render(
        measures=[Measure("a", Estimate("FD-x", inf, nan, inf, nan, nan, nan))],
        distributions=[
            Distribution("a", "blur", "", "image", [nan, 1.0, 2.0], [inf, nan, 2.0]),
            Distribution("a", "none", "", "image", [nan], []),
            Distribution("a", "one value", "", "label", [3.0, 3.0], [3.0]),
        ],
        scores=[
            Score(
                "a", "TSTR", "detection", "AP", nan, nan, nan, [nan], 1, 1, {"x": [nan, nan, nan]}
            )
        ],
        curves=[Curve("a", "c", "x", "AP", [1.0], [nan], [nan], [nan])],
        findings=[Finding("a", "blur", "text", nan, nan, nan, nan, False, False)],
    )
    assert "∞" in Page(text).words
    assert "3 values are missing" in Page(text).words
    assert "NaN" not in figures_text(text)
    assert "Infinity" not in figures_text(text)


def test_an_unknown_level_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="'god'; did you mean 'good'"):
        write_report(Evaluation("t", verdicts=[Verdict("god", "x")]), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_pictures_are_small_and_bounded_in_number(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    noise = np.random.Generator(np.random.PCG64(1)).integers(0, 255, (900, 1600, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "pictures" / "a.png"), noise)
    failures = [
        Failure(f"s{place % 3}", "a.png", float(place), f"text {place}") for place in range(300)
    ]
    page = Page(render_page(Evaluation("t", failures=failures), tmp_path))
    shown = page.of("img")
    assert len(shown) == 36
    for attributes in shown:
        kind, data = attributes["src"].split(",")
        assert kind == "data:image/jpeg;base64"
        image = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)
        assert image.shape == (270, 480, 3)
        assert (attributes["width"], attributes["height"]) == ("480", "270")
    assert "12 of 100" in page.words
    assert "text 299" in page.words
    assert "text 10" not in page.words.split()


def test_a_missing_picture_and_one_outside_are_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cv2.imwrite(str(tmp_path / "secret.png"), np.zeros((8, 8, 3), np.uint8))
    names = ("gone.jpg", "../secret.png", str(tmp_path / "secret.png"))
    failures = [Failure("a", name, 1.0, "text") for name in names]
    page = Page(render_page(Evaluation("t", failures=failures), tmp_path))
    assert page.of("img") == []
    for name in names:
        assert f"picture {name} is missing" in page.words
    assert len(caplog.records) == 3


def test_size_does_not_grow_with_the_values(made_up: ModuleType) -> None:
    rng = np.random.Generator(np.random.PCG64(0))
    many = [
        Distribution(f"s{place}", f"n{number}", "", "image", *rng.normal(size=(2, 5000)).tolist())
        for place in range(3)
        for number in range(20)
    ]
    assert len(render(distributions=many)) - len(render()) < 0.4 * MEGABYTE


def test_many_classes_and_sets_stay_readable() -> None:
    classes = {f"class {place}": [0.5, 0.4, 0.6] for place in range(400)}
    scores = [
        Score(f"s{place}", "TSTR", "detection", "AP", 0.5, 0.4, 0.6, [0.5], 1, 1, classes)
        for place in range(12)
    ]
    measures = [Measure(f"s{place}", Estimate("FD-x", 1.0 + place, n=9)) for place in range(12)]
    text = render(scores=scores, measures=measures)
    page = Page(text)
    assert all(f"class {place}" in page.words for place in range(400))
    assert all(figure["layout"]["height"] <= 950 for figure in figures(text).values())
    assert "part 3 of 3" in page.words
    assert "classes more are in the table only" in page.words


# The pieces


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=60), st.integers(1, 10**9))
def test_bins_rise_and_hold_the_middle(values: list[float], smallest: int) -> None:
    every = np.array(values)
    edges, _ = edges_of(every, smallest)
    low, high = np.percentile(every, [0.5, 99.5])
    assert np.all(np.diff(edges) > 0)
    assert edges[0] <= low + 1e-6 * abs(low)
    assert edges[-1] >= high - 1e-6 * abs(high)
    assert len(edges) <= 35


@given(st.lists(st.text(min_size=1), max_size=90), st.integers(1, 30))
def test_panels_hold_all_in_order(names: list[str], longest: int) -> None:
    panels = panels_of(names, longest)
    assert [name for panel in panels for name in panel] == names
    assert all(0 < len(panel) <= longest for panel in panels)


@pytest.mark.parametrize(
    ("estimate", "expected"),
    [
        (Estimate("d", 5.0, 4.0, 6.0, 3.0, 2.0, 4.1), "within"),
        (Estimate("d", 5.0, 4.5, 6.0, 3.0, 2.0, 4.1), "beyond"),
        (Estimate("d", 1.0, 0.5, 1.5, 3.0, 2.0, 4.1), "better"),
        (Estimate("c", 1.0, 0.5, 1.5, 3.0, 2.0, 4.1, higher_is_better=True), "beyond"),
        (Estimate("c", 5.0, 4.5, 6.0, 3.0, 2.0, 4.1, higher_is_better=True), "better"),
        (Estimate("v", 5.0, 4.5, 6.0, 3.0, 2.0, 4.1, higher_is_better=None), "beyond"),
        (Estimate("d", 5.0, floor=3.0), "beyond"),
        (Estimate("d", 5.0), ""),
        (Estimate("d", math.nan, floor=3.0), ""),
    ],
)
def test_standing_to_the_floor(estimate: Estimate, expected: str) -> None:
    assert standing(estimate) == expected


@given(st.floats(1e-3, 1e6), st.floats(1e-6, 1e3))
def test_digits_show_the_interval(value: float, half: float) -> None:
    """What is printed is the value to within a tenth of its interval, however wide that is."""
    places = numbers.decimals(value - half, value + half)
    text = numbers.number(value, places)
    if places is not None and value < numbers.LARGE:
        assert abs(float(text.replace(",", "")) - value) <= half / 10 * (1 + 1e-6) + 1e-9


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (-0.0, "0"), (1234567.0, "1,234,567"), (0.5, "0.500"), (None, "–"),  # noqa: RUF001
     (-3.2e-9, "-3.2 × 10⁻⁹"), (float("-inf"), "-∞"), (99.96, "100.0"), (-0.00001, "-1 × 10⁻⁵")],  # noqa: RUF001
)  # fmt: skip
def test_numbers(value: float | None, text: str) -> None:
    assert numbers.number(value) == text


def test_a_negative_zero_has_no_sign() -> None:
    assert numbers.number(-0.004, 2) == "0.00"


# In a browser


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("needs chromium and chromedriver (Debian: chromium chromium-driver)")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                 "--disable-background-networking", "--disable-component-update", "--disable-sync",
                 "--disable-dev-shm-usage", "--window-size=1280,900",
                 f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):  # fmt: skip
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    one = webdriver.Chrome(options=options, service=Service(driver))
    yield one
    one.quit()


Count = Callable[[str], int]


@pytest.fixture
def count(browser: Any, path: Path) -> Count:
    """Open the page; return a function that counts what a CSS selector finds."""
    browser.get(path.as_uri())
    return lambda css: len(browser.find_elements("css selector", css))


def test_every_plot_is_drawn_without_an_error(browser: Any, count: Count, page: Page) -> None:
    expected = len([one for one in page.of("div") if "data-plot" in one])
    assert count(".js-plotly-plot") == expected
    empty = browser.execute_script(
        "return [...document.querySelectorAll('.js-plotly-plot')].filter("
        "plot => !plot.querySelector('.main-svg .trace path')).map(plot => plot.id)"
    )
    assert empty == []
    assert browser.get_log("browser") == []
    assert count("img") == 36
    broken = "return [...document.images].filter(one => !one.naturalWidth).length"
    assert browser.execute_script(broken) == 0


@pytest.mark.parametrize("width", [360, 800, 1600])
def test_nothing_is_wider_than_the_screen(browser: Any, path: Path, width: int) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(path.as_uri())
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    overlap = browser.execute_script(
        "return [...document.querySelectorAll('.plot')].filter(plot => "
        "plot.querySelector('.main-svg').getBoundingClientRect().width > plot.clientWidth + 1).length"
    )
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert overlap == 0


def test_a_set_can_be_hidden_in_all_plots(browser: Any, count: Count) -> None:
    button = browser.find_element("css selector", "button[data-set=cluttered]")
    hidden = (
        "return [...document.querySelectorAll('.js-plotly-plot')].flatMap(plot => plot.data)"
        ".filter(trace => trace.visible === false).map(trace => trace.meta)"
    )
    assert browser.execute_script(hidden) == []
    browser.execute_script("arguments[0].click()", button)
    assert button.get_attribute("aria-pressed") == "false"
    assert len(browser.execute_script(hidden)) > 30
    assert set(browser.execute_script(hidden)) == {"cluttered"}
    browser.execute_script("arguments[0].click()", button)
    assert browser.execute_script(hidden) == []


def test_hostile_names_run_nothing(browser: Any, made_up: ModuleType, tmp_path: Path) -> None:
    evaluation = made_up.made_up_evaluation(
        tmp_path, (HOSTILE, "<img src=x onerror=alert(1)>", "c")
    )
    sets = [dataclasses.replace(evaluation.sets[1], name=HOSTILE), *evaluation.sets[2:]]
    evaluation = dataclasses.replace(evaluation, title=HOSTILE, sets=sets)
    browser.get(write_report(evaluation, tmp_path).as_uri())
    assert browser.title.split() == HOSTILE.split()
    ticks = "return [...document.querySelectorAll('.ytick text')].map(one => one.textContent)"
    assert any(one.startswith("<script>") for one in browser.execute_script(ticks))
    assert browser.get_log("browser") == []
    count = "return document.querySelectorAll('.plot img, .plot script').length"
    assert browser.execute_script(count) == 0


def test_it_prints(browser: Any, count: Count) -> None:
    """All of it comes out as A4 pages, plots fit them, and the screen is as it was afterwards."""
    widths = (
        "return [...document.querySelectorAll('.plot')].map("
        "plot => Math.round(plot.querySelector('.main-svg').getBoundingClientRect().width))"
    )
    before = browser.execute_script(widths)
    browser.execute_script(
        "window.addEventListener('beforeprint', () => { window.printed = "
        "[...document.querySelectorAll('.plot')].map(plot => plot._fullLayout.width) })"
    )
    made = browser.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
    data = base64.b64decode(made["data"])
    assert data.startswith(b"%PDF")
    assert 5 <= len(re.findall(rb"/Type\s*/Page\b", data)) <= 40
    printed = browser.execute_script("return window.printed")
    assert max(printed) <= 680
    assert browser.execute_script(widths) == before
    assert count("details[open]") == 0
