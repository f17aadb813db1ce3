#!/usr/bin/env python3
"""Compares machex's metadata with torchxrayvision's, row by row.

    machex metadata CONFIG --no-headers -o metadata.parquet
    scripts/oracle/compare.py CONFIG metadata.parquet [--markdown]

Runs torchxrayvision's own code on the lists below the roots of CONFIG, and compares labels,
patient, age, sex and view. Each difference has to fall into a category of categories.py. Prints how
many rows each explains. The exit status is 1 if a difference is left. A dataset without the lists
that torchxrayvision needs is not compared.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Optional

import challenges
import chexpert_labels
import metadata_table
import nih
import openi
import padchest
import pandas as pd
from comparison import Comparison, Difference, Unexplained

Compare = Callable[[Path, pd.DataFrame], Optional[Comparison]]

#: By the folder of the dataset in the tree.
DATASETS: list[tuple[str, str, Compare]] = [
    ("chex-ray14", "CHEXRAY14_ROOT", nih.compare),
    ("chex-ray14", "CHEXRAY14_ROOT", nih.compare_google),
    ("chexpert", "CHEXPERT_ROOT", chexpert_labels.compare_chexpert),
    ("padchest", "PADCHEST_ROOT", padchest.compare),
    ("mimic", "MIMIC_ROOT", chexpert_labels.compare_mimic),
    ("vindrcxr", "VINDRCXR_ROOT", challenges.compare_vindr),
    ("brax", "BRAX_ROOT", chexpert_labels.compare_brax),
    ("rsna", "RSNA_ROOT", challenges.compare_rsna),
    ("openi", "OPENI_ROOT", openi.compare),
    ("siim", "SIIM_ROOT", challenges.compare_siim),
    ("objcxr", "OBJECTCXR_ROOT", challenges.compare_objcxr),
]


def roots(config: Path) -> dict[str, Path]:
    """Returns the roots of a config that has one key a line."""
    found = {}
    for line in config.read_text().splitlines():
        key, _, value = line.partition(":")
        value = value.strip()
        if key.endswith("_ROOT") and value not in ("", "null"):
            found[key] = config.parent / value
    return found


def compare_all(
    config: Path, tables: list[Path]
) -> tuple[list[Difference], list[Unexplained], list[str]]:
    """Returns the known differences, the unexplained ones, and which datasets were compared."""
    differences: list[Difference] = []
    unexplained: list[Unexplained] = []
    compared: list[str] = []
    by_key = roots(config)
    for folder, key, compare in DATASETS:
        if key not in by_key:
            continue
        ours = metadata_table.read(tables, folder)
        try:
            result = compare(by_key[key], ours) if len(ours) else None
        except KeyError as error:
            sys.exit(f"{folder}: a list or the table has no column {error}, which is compared")
        if result is None:
            continue
        compared.append(
            f"{result.dataset}: {len(result.ours):,} rows in both, {len(result.columns)} columns"
        )
        differences += result.differences
        unexplained += result.unexplained
    return differences, unexplained, compared


def print_differences(differences: list[Difference], as_markdown: bool) -> None:
    if as_markdown:
        print("| # | dataset | column | rows | reason |\n| --- | --- | --- | ---: | --- |")
    for dataset, column, category, rows in differences:
        if as_markdown:
            reason = f"{dataset} | {column} | {rows:,} | {category.reason}"
            print(f"| {category.number} | {reason} |")
        else:
            print(f"{category.number:3} {dataset:19} {column:44} {rows:8,}  {category.reason}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("tables", type=Path, nargs="+", metavar="metadata.parquet")
    parser.add_argument("--markdown", action="store_true", help="print a table for docs/")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    differences, unexplained, compared = compare_all(arguments.config, arguments.tables)
    print_differences(differences, arguments.markdown)
    for line in compared:
        print(line)
    for dataset, column, rows, examples in unexplained:
        print(f"UNEXPLAINED: {dataset}, {column}: {rows:,} rows: {examples}")
    if not compared:
        sys.exit("nothing was compared: no root of the config has lists that both read")
    sys.exit(1 if unexplained else 0)


if __name__ == "__main__":
    main()
