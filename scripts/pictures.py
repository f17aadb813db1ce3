#!/usr/bin/env python3
"""Makes the pictures of docs/: a contact sheet, boxes, and the report in light and dark mode.

make pictures
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import sync_playwright

import machex

#: Options that let Debian's Chromium run as root, and keep it from using the network.
CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]

#: Width and height, in pixels, of a picture of the report. It shows the beginning, at laptop width.
WINDOW = {"width": 1100, "height": 1500}

DATASETS = ["chexpert", "padchest", "mimic", "vindrcxr"]


#: The datasets whose boxes are shown, and the side of each image of them in pixels.
BOXED = ["vindrcxr", "rsna", "objcxr"]
SIDE = 360


def draw_boxes(tree: Path, picture: Path) -> None:
    """Draws the boxes of one image of each dataset, as the metadata has them for the tree."""
    sheet = Image.new("RGB", (SIDE * len(BOXED), SIDE))
    font = ImageFont.load_default(14)
    for number, name in enumerate(BOXED):
        table = machex.load_metadata(tree, [name], ["path", "boxes"]).to_pandas()
        row = table[table["boxes"].notna()].iloc[0]
        image = Image.open(tree / row["path"]).convert("RGB")
        scale = SIDE / image.width
        image = image.resize((SIDE, SIDE))
        draw = ImageDraw.Draw(image)
        for box in row["boxes"]:
            if box["tree_x"] is None:
                continue
            x, y = box["tree_x"] * scale, box["tree_y"] * scale
            corners = [x, y, x + box["tree_width"] * scale, y + box["tree_height"] * scale]
            draw.rectangle(corners, outline="#ffb000", width=2)
            draw.text((x + 4, y + 3), box["finding"] or box["term"], "#ffb000", font)
        draw.text((6, SIDE - 20), name, "white", font)
        sheet.paste(image, (SIDE * number, 0))
    sheet.save(picture, optimize=True)


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
        run("materialize", config, "--metadata", "--dataset", ",".join(BOXED))
        draw_boxes(sample / "machex", out / "boxes.png")
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
