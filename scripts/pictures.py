#!/usr/bin/env python3
"""Makes the pictures of docs/: a contact sheet, and the report in light and dark mode.

make pictures
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

import machex

#: Options that let Debian's Chromium run as root, and keep it from using the network.
CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]

#: Width and height, in pixels, of a picture of the report. It shows the beginning, at laptop width.
WINDOW = {"width": 1100, "height": 1500}

DATASETS = ["chexpert", "padchest", "mimic", "vindrcxr"]


def run(*arguments: str | Path) -> None:
    subprocess.run([machex.find_program(), *arguments], check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    out = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        # The contact sheet shows this path, so it has a meaningful name.
        sample, report = Path("/tmp/machex-sample"), Path(folder) / "report.html"
        run("sample", sample, "--images", "40")
        config = sample / "config.yml"
        sheet = ["preview", config, "--tile", "128", "-o", out / "preview.png"]
        run(*sheet, "--dataset", ",".join(DATASETS))
        run("report", config, "-o", report)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=CHROMIUM
            )
            for scheme in ("light", "dark"):
                page = browser.new_page(viewport=WINDOW, color_scheme=scheme)
                page.goto(report.as_uri())
                page.screenshot(path=out / f"report-{scheme}.png")
            browser.close()
        shutil.rmtree(sample)


if __name__ == "__main__":
    main()
