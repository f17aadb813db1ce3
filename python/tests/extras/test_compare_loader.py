"""scripts/compare-loader.py tells a loader that gives other items from one that gives the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "scripts/compare-loader.py"

LOADER = """
import json, os
from PIL import Image
from torchvision.transforms import ToTensor

class ChestXrayDataset:
    def __init__(self, root):
        with open(os.path.join(root, "index.json")) as file:
            self.entries = list(json.load(file).values())

    def __len__(self):
        return len(self.entries)

    def __getitem__(self, at):
        return {"img": ToTensor()(Image.open(self.entries[at]["path"])) + OFFSET * (at == 3)}
"""


@pytest.mark.parametrize(("offset", "status"), [(0.0, 0), (0.001, 1)])
def test_one_changed_image_is_found(
    mounted: Path, tmp_path: Path, offset: float, status: int
) -> None:
    loader = tmp_path / "loader.py"
    loader.write_text(LOADER.replace("OFFSET", str(offset)))
    done = subprocess.run(
        [sys.executable, SCRIPT, loader, mounted], capture_output=True, text=True, check=False
    )
    assert done.returncode == status, done.stdout + done.stderr
    words = "12 of 12" if status == 0 else "11 of 12"
    assert f"ChestXrayDataset rsna: {words} items are the same" in done.stdout
