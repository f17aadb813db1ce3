"""The page of `machex report` in headless Chromium: light, dark, narrow, wide, by keyboard."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from machex import find_program

REPOSITORY = Path(__file__).resolve().parents[3]

#: What Debian's Chromium needs to run as root, and without asking the network for anything.
CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]

#: More failures than are shown unfolded.
BROKEN = 20

#: Datasets whose metadata is in the tree.
WITH_METADATA = ("chex-ray14", "chexpert", "padchest", "mimic")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a sample in which much is missing, after a run of materialize.

    Some datasets have a table of metadata, and others do not.
    """
    folder = tmp_path_factory.mktemp("report")
    program = find_program()
    subprocess.run([program, "sample", folder, "--images", "30"], check=True)
    for image in sorted((folder / "raw/chex-ray14/images").iterdir())[:BROKEN]:
        image.write_bytes(b"no image")
    ran = subprocess.run([program, "materialize", folder / "config.yml"], check=False)
    assert ran.returncode == 3
    for dataset in WITH_METADATA:
        table = folder / "machex" / dataset / "metadata.parquet"
        config = [folder / "config.yml", "--dataset", dataset]
        made = folder / "metadata.parquet"
        subprocess.run([program, "metadata", *config, "-o", made], check=True)
        made.rename(table)
    page = folder / "report.html"
    subprocess.run([program, "report", folder / "machex", "-o", page], check=True)
    return page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    names = ("chromium", "chromium-browser", "google-chrome")
    chromium = next(filter(None, map(shutil.which, names)), None)
    assert chromium, f"the report is tested in Chromium: none of {', '.join(names)} is on PATH"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def opened(browser: Browser, report: Path, scheme: str, width: int = 1280) -> Page:
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
        bypass_csp=True,
    )
    page = context.new_page()
    page.goto(report.as_uri())
    return page


@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_nothing_and_nothing_scrolls_sideways(
    browser: Browser, report: Path, scheme: str, width: int
) -> None:
    page = opened(browser, report, scheme, width)
    for fold in page.locator("details").all():
        fold.locator("summary").click()
    violations = Axe().run(page).response["violations"]
    assert not violations, json.dumps(violations, indent=1)[:4000]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.context.close()


def test_axe_would_find_something(browser: Browser, report: Path, tmp_path: Path) -> None:
    worse = tmp_path / "worse.html"
    text = re.sub(r' alt="[^"]*"', "", report.read_text())
    worse.write_text(text.replace('<html lang="en">', "<html>"))
    page = opened(browser, worse, "light")
    found = {violation["id"] for violation in Axe().run(page).response["violations"]}
    assert {"image-alt", "html-has-lang"} <= found
    page.context.close()


def test_light_is_light_and_dark_is_dark(browser: Browser, report: Path, tmp_path: Path) -> None:
    shades = {}
    for scheme in ("light", "dark"):
        page = opened(browser, report, scheme)
        page.screenshot(path=tmp_path / f"{scheme}.png")
        with Image.open(tmp_path / f"{scheme}.png") as picture:
            shades[scheme] = picture.convert("L").resize((1, 1)).getpixel((0, 0))
        page.context.close()
    assert shades["dark"] < 60 < 200 < shades["light"]


def test_it_asks_for_nothing_and_runs_without_scripts(browser: Browser, report: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.goto(report.as_uri())
    assert [url for url in asked if not url.startswith("data:")] == [report.as_uri()]
    assert said == [], "no complaint about the policy of the page"
    context.close()


def test_pictures_are_there_and_described(browser: Browser, report: Path) -> None:
    page = opened(browser, report, "light")
    pictures = page.locator("img").all()
    assert len(pictures) > 20
    for picture in pictures:
        assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100
        assert re.search(r"\d{6}", picture.get_attribute("alt") or "")
    page.context.close()


def test_everything_can_be_reached_by_keyboard(browser: Browser, report: Path) -> None:
    page = opened(browser, report, "light")
    page.keyboard.press("Tab")
    skip = page.locator(":focus")
    assert skip.inner_text() == "Skip to the content"
    assert skip.bounding_box()["y"] >= 0, "it is seen while it has the focus"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.tagName") == "MAIN"

    page.goto("about:blank")
    page.goto(report.as_uri())
    visible = page.evaluate(
        """[...document.querySelectorAll('a, summary, [tabindex="0"]')]
            .filter(element => element.checkVisibility())
            .map(element => element.outerHTML.slice(0, 100))"""
    )
    reached: set[str] = set()
    for _ in visible:
        page.keyboard.press("Tab")
        name, outline, width = page.evaluate(
            """() => {
                const focused = document.activeElement, style = getComputedStyle(focused);
                return [focused.outerHTML.slice(0, 100), style.outlineStyle, style.outlineWidth];
            }"""
        )
        reached.add(name)
        assert outline not in ("none", "hidden"), name
        assert float(width.removesuffix("px")) >= 2, name
    assert set(visible) == reached
    page.context.close()


def test_the_findings_scroll_by_keyboard_beside_their_names(browser: Browser, report: Path) -> None:
    page = opened(browser, report, "light", 360)
    region = page.get_by_role("region", name="Table of findings and datasets")
    region.focus()
    name = region.locator("tbody th").first
    before = name.bounding_box()["x"]
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "document.activeElement.getAttribute('role') === 'region'"
        " && document.activeElement.scrollLeft > 100"
    )
    assert name.bounding_box()["x"] == before, "the names stay in sight"
    page.context.close()


def test_every_state_of_a_finding_is_told_in_words(browser: Browser, report: Path) -> None:
    page = opened(browser, report, "light")
    cells = page.locator("#findings tbody td").all_text_contents()
    assert len(cells) == 37 * 10
    states = {"labelled" if " of " in cell else cell.strip() for cell in cells}
    assert states == {"labelled", "not labelled", "\N{EN DASH}not known"}
    page.context.close()


def test_charts_are_tables_with_names(browser: Browser, report: Path) -> None:
    page = opened(browser, report, "light")
    charts = [("Size", dataset) for dataset in WITH_METADATA]
    for chart_name, dataset in [*charts, ("Age", "chexpert")]:
        name = re.compile(f"^{chart_name} in {dataset}: [0-9]+ images")
        chart = page.get_by_role("table", name=name)
        assert chart.count() == 1, dataset
        assert chart.get_by_role("rowheader").count() > 1
        assert chart.get_by_role("columnheader").count() == 2
    page.context.close()


def test_the_failures_are_folded_and_opened_by_keyboard(browser: Browser, report: Path) -> None:
    page = opened(browser, report, "light")
    fold = page.locator("#failures details")
    first = fold.locator("tbody tr").first
    assert not first.is_visible()
    fold.locator("summary").focus()
    page.keyboard.press("Enter")
    assert first.is_visible()
    assert fold.locator("tbody tr").count() == BROKEN
    assert "chex-ray14" in first.inner_text()
    page.context.close()


def test_the_pictures_of_the_docs_can_be_made(tmp_path: Path) -> None:
    script = REPOSITORY / "scripts/pictures.py"
    subprocess.run([sys.executable, script, tmp_path], check=True)
    sizes = {}
    for name in ("preview.png", "report-light.png", "report-dark.png"):
        with Image.open(tmp_path / name) as made, Image.open(REPOSITORY / "docs" / name) as kept:
            assert made.size == kept.size, f"{name}: make pictures"
            sizes[name] = made.size
    assert sizes["report-light.png"] == (1100, 1500)
