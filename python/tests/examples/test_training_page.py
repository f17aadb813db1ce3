"""The code of the section on metadata in docs/training.md, as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from metadata_trees import write_tree

PAGE = Path(__file__).resolve().parents[3] / "docs/training.md"


def rows(count: int, **columns: Any) -> list[dict[str, Any]]:
    return [
        {"key": f"files/p10/p{number}/s1/a.jpg", "patient_key": f"a:{number}", **columns}
        for number in range(count)
    ]


def test_the_code_on_metadata_runs(tmp_path: Path) -> None:
    section = PAGE.read_text().split("\n## Metadata\n", 1)[1].split("\n## ", 1)[0]
    blocks = re.findall(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 7
    adult = {"view": "PA", "sex": "F", "age_years": 40, "frontal": True}
    datasets = {
        "chexpert": rows(12, **adult, Cardiomegaly=1),
        "mimic": rows(12, **adult, **{"Pleural Effusion": 0}),
        "siim": rows(
            4, masks=[{"finding": "Pneumothorax", "width": 2, "height": 2, "runs": [1, 1]}]
        ),
        "vindrcxr": rows(3),
    }
    tree = write_tree(tmp_path / "tree", datasets)
    code = "".join(blocks).replace("/mnt/machex", str(tree))
    program = tmp_path / "program.py"
    program.write_text(code)
    done = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
