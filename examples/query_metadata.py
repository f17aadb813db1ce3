#!/usr/bin/env python3
"""Counts images by their metadata with DuckDB: PA images of women over 60 with a finding.

    python examples/query_metadata.py demo/mnt
    python examples/query_metadata.py demo/mnt --finding "Pleural Effusion" --over 40

DuckDB reads only the columns that a query names. Nothing here needs the Python package of machex:
`duckdb -c "SELECT ... FROM 'demo/mnt/chexpert/metadata.parquet'"` works in a shell, too.
"""

from __future__ import annotations

import argparse
import os

import duckdb

# The number of an age group (BRAX) is not an age. NULL is neither over nor under an age: images
# whose age, sex or view is unknown do not count.
QUERY = """
    SELECT
        dataset,
        count(*) FILTER (WHERE "{finding}" = 1) AS present,
        count(*) FILTER (WHERE "{finding}" = 0) AS absent,
        count(*) FILTER (WHERE "{finding}" = -1) AS uncertain,
        count(*) FILTER (WHERE "{finding}" IS NULL) AS not_labelled
    FROM read_parquet($files)
    WHERE view = 'PA' AND sex = 'F' AND age_years > $over AND age_is_group IS NOT TRUE
    GROUP BY dataset
    ORDER BY dataset
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", help="the tree, or a table that machex metadata has written")
    parser.add_argument("--finding", default="Cardiomegaly")
    parser.add_argument("--over", type=float, default=60, help="age in years")
    arguments = parser.parse_args()

    if os.path.isfile(arguments.root):
        files = [arguments.root]
    else:
        # A mount does not list metadata.parquet, so a pattern such as */metadata.parquet finds
        # nothing there. Its name can be opened.
        names = sorted(name for name in os.listdir(arguments.root) if not name.startswith("."))
        files = [os.path.join(arguments.root, name, "metadata.parquet") for name in names]
    # A name cannot be a parameter of a query.
    query = QUERY.format(finding=arguments.finding.replace('"', '""'))
    found = duckdb.execute(query, {"files": files, "over": arguments.over})
    print(f"PA images of women over {arguments.over:g}, {arguments.finding}:")
    print(*(column[0] for column in found.description), sep="\t")
    for row in found.fetchall():
        print(*row, sep="\t")


if __name__ == "__main__":
    main()
