"""Reads what is compared from the table that `machex metadata` writes."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

#: What is compared besides the columns of 8-bit integers, which are the findings.
COLUMNS = (
    *("dataset", "key", "patient_key", "study_key", "view", "view_raw", "sex", "age_years"),
    *("known_bad", "split", "negatives", "label_source", "findings_source", "boxes", "masks"),
)


def read_arrow(paths: list[Path], dataset: str) -> pa.Table:
    """Returns the rows of a dataset with the columns that are compared."""
    tables = []
    for path in paths:
        schema = pq.read_schema(path)
        findings = [field.name for field in schema if field.type == pa.int8()]
        names = [name for name in COLUMNS if name in schema.names]
        table = pq.read_table(
            path, columns=[*names, *findings], filters=[("dataset", "=", dataset)]
        )
        if len(table):
            tables.append(table)
    return pa.concat_tables(tables) if tables else pa.table({})


def read(paths: list[Path], dataset: str) -> pd.DataFrame:
    """Returns these rows for pandas. `has_boxes` and `has_masks` stand for boxes and masks."""
    table = read_arrow(paths, dataset)
    for name in ("boxes", "masks"):
        if name in table.column_names:
            lengths = pc.fill_null(pc.list_value_length(table[name]), 0)
            table = table.drop_columns([name])
            table = table.append_column(f"has_{name}", pc.greater(lengths, 0))
    return table.to_pandas()
