"""Trees with a metadata table, made from rows that a test writes down."""

from __future__ import annotations

import datetime
import functools
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
from PIL import Image

#: Some of the 37 findings; the tests need no more.
FINDINGS = (
    "Atelectasis",
    "Cardiomegaly",
    "Edema",
    "Pleural Effusion",
    "Pleural Other",
    "Nodule/Mass",
    "No Finding",
)

_BOX = pyarrow.struct(
    [
        *((name, pyarrow.string()) for name in ("finding", "term", "reader", "shape")),
        *((name, pyarrow.float64()) for name in ("x", "y", "width", "height")),
        *((f"tree_{name}", pyarrow.float64()) for name in ("x", "y", "width", "height")),
        ("inside", pyarrow.float64()),
        ("points", pyarrow.list_(pyarrow.float64())),
    ]
)
_MASK = pyarrow.struct(
    [
        ("finding", pyarrow.string()),
        ("term", pyarrow.string()),
        ("width", pyarrow.uint32()),
        ("height", pyarrow.uint32()),
        ("runs", pyarrow.list_(pyarrow.uint32())),
    ]
)

_TEXT = pyarrow.string()

#: The columns of the table, in its order.
SCHEMA = pyarrow.schema(
    [
        *((name, _TEXT) for name in ("dataset", "id", "path", "key")),
        *((name, _TEXT) for name in ("patient_key", "study_key", "same_image_as", "view")),
        ("frontal", pyarrow.bool_()),
        *((name, _TEXT) for name in ("view_raw", "sex")),
        ("age_years", pyarrow.float32()),
        ("age_raw", _TEXT),
        ("age_is_group", pyarrow.bool_()),
        ("study_date", pyarrow.date32()),
        *((name, _TEXT) for name in ("date_kind", "split")),
        ("known_bad", pyarrow.bool_()),
        *((name, pyarrow.int8()) for name in FINDINGS),
        *((name, _TEXT) for name in ("negatives", "label_source")),
        ("findings_source", pyarrow.list_(_TEXT)),
        ("boxes", pyarrow.list_(_BOX)),
        ("masks", pyarrow.list_(_MASK)),
        ("source_width", pyarrow.uint32()),
        ("source_height", pyarrow.uint32()),
        ("source_bits", pyarrow.uint8()),
        ("scale_x", pyarrow.float64()),
        ("scale_y", pyarrow.float64()),
        ("offset_x", pyarrow.int32()),
        ("offset_y", pyarrow.int32()),
        *((name, _TEXT) for name in ("report", "report_language", "findings_text")),
        *((name, _TEXT) for name in ("impression_text", "last_paragraph_text")),
        *((name, _TEXT) for name in ("indication_text", "comparison_text", "labelled_text")),
    ]
)

Row = Mapping[str, Any]

#: Rows of three datasets, for tests that need few.
SMALL: dict[str, list[dict[str, Any]]] = {
    "brax": [
        {"key": "images/id_a/1.png", "age_years": 9, "age_is_group": True, "Edema": -1},
    ],
    "chexpert": [
        {
            "key": "train/patient00001/study1/view1_frontal.jpg",
            "patient_key": "chexpert:00001",
            "view": "PA",
            "frontal": True,
            "sex": "F",
            "age_years": 61.5,
            "split": "train",
            "Edema": 1,
            "Pleural Effusion": 0,
            "Cardiomegaly": -1,
            "study_date": datetime.date(2015, 3, 1),
            "report": "no change",
        },
        {"key": "train/patient00002/study1/view1_frontal.jpg", "Pleural Effusion": 1},
    ],
    "mimic": [{"key": f"files/p10/p1000000{number}/s1/a.jpg", "Edema": 0} for number in range(3)],
}


@functools.cache
def _jpeg() -> bytes:
    """A picture of a tree: dark at the left, bright at the right."""
    content = io.BytesIO()
    picture = np.broadcast_to(np.arange(1024) // 4, (1024, 1024)).astype(np.uint8)
    Image.fromarray(picture).convert("RGB").save(content, "JPEG")
    return content.getvalue()


def table_of(name: str, rows: Sequence[Row]) -> pyarrow.Table:
    """The table of a dataset: a row for each of ``rows``, which has at least a ``key``."""
    complete = [
        {
            **{field.name: None for field in SCHEMA},
            "dataset": name,
            "id": f"{number:06}",
            "path": f"{name}/00/{number:06}.jpg",
            **row,
        }
        for number, row in enumerate(rows)
    ]
    facts = {
        "machex.version": "0.1.0",
        "machex.files": json.dumps({name: [f"{name}.csv"]}),
        "machex.negatives": json.dumps({"partial": {name: ["Nodule/Mass"]}}),
    }
    schema = SCHEMA.with_metadata(facts)
    return pyarrow.Table.from_pylist(complete, schema)


def write_tree(root: Path, datasets: Mapping[str, Sequence[Row]], metadata: bool = True) -> Path:
    """Writes a tree with the images and, unless told otherwise, the tables of some datasets."""
    for name, rows in datasets.items():
        images = root / name / "00"
        images.mkdir(parents=True)
        document = {}
        for number, row in enumerate(rows):
            path = images / f"{number:06}.jpg"
            path.write_bytes(_jpeg())
            document[f"{number:06}"] = {"path": str(path), "key": row["key"]}
        (root / name / "index.json").write_text(json.dumps(document))
        if metadata:
            pyarrow.parquet.write_table(table_of(name, rows), root / name / "metadata.parquet")
    return root


def write_table(path: Path, datasets: Mapping[str, Sequence[Row]]) -> Path:
    """Writes one table of several datasets, as ``machex metadata`` does."""
    table = pyarrow.concat_tables([table_of(name, rows) for name, rows in datasets.items()])
    if path.suffix == ".arrow":
        with pyarrow.ipc.new_file(path, table.schema) as file:
            file.write_table(table)
    else:
        pyarrow.parquet.write_table(table, path)
    return path
