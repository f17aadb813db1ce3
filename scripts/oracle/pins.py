#!/usr/bin/env python3
"""Checks the metadata of the real lists against numbers that were counted from the lists alone.

    scripts/oracle/pins.py metadata.parquet

The table has to be that of the raw datasets of raw_trees.py. The exit status is 1 if a number
differs.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import metadata_table
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

#: Rows with 1, 0 and -1.
States = tuple[int, int, int]

NIH: dict[str, States] = {
    "Atelectasis": (11_559, 100_561, 0),
    "Cardiomegaly": (2_776, 109_344, 0),
    "Consolidation": (4_667, 107_453, 0),
    "Edema": (2_303, 109_817, 0),
    "Pleural Effusion": (13_317, 98_803, 0),
    "Emphysema": (2_516, 109_604, 0),
    "Fibrosis": (1_686, 110_434, 0),
    "Hernia": (227, 111_893, 0),
    "Infiltration": (19_894, 92_226, 0),
    "Mass": (5_782, 106_338, 0),
    "Nodule": (6_331, 105_789, 0),
    "Nodule/Mass": (11_207, 100_913, 0),
    "Pleural Thickening": (3_385, 108_735, 0),
    "Pneumonia": (1_431, 110_689, 0),
    "Pneumothorax": (5_302, 106_818, 0),
    "No Finding": (60_361, 51_759, 0),
}
NIH_PA = {
    "Atelectasis": 5_728,
    "Pleural Effusion": 6_589,
    "Pneumonia": 630,
    "Pneumothorax": 3_407,
    "No Finding": 39_302,
}
NIH_BOXES = {
    "Atelectasis": 180,
    "Effusion": 153,
    "Cardiomegaly": 146,
    "Infiltrate": 123,
    "Pneumonia": 120,
    "Pneumothorax": 98,
    "Mass": 85,
    "Nodule": 79,
}
#: As the list has them: 1 and -1 of all rows, then of frontal ones.
CHEXPERT: dict[str, tuple[int, int, int, int]] = {
    "No Finding": (22_381, 0, 16_974, 0),
    "Enlarged Cardiomediastinum": (10_798, 12_403, 9_187, 10_286),
    "Cardiomegaly": (27_000, 8_087, 23_385, 6_707),
    "Lung Opacity": (105_581, 5_598, 94_211, 4_431),
    "Lung Lesion": (9_186, 1_488, 7_040, 1_108),
    "Edema": (52_246, 12_984, 49_675, 11_818),
    "Consolidation": (14_783, 27_742, 12_983, 24_381),
    "Pneumonia": (6_039, 18_770, 4_675, 15_981),
    "Atelectasis": (33_376, 33_739, 29_720, 29_863),
    "Pneumothorax": (19_448, 3_145, 17_693, 2_708),
    "Pleural Effusion": (86_187, 11_628, 76_899, 9_578),
    "Pleural Other": (3_523, 2_653, 2_505, 1_812),
    "Fracture": (9_040, 642, 7_436, 499),
    "Support Devices": (116_001, 1_079, 107_170, 915),
}
#: 0, of all rows and of frontal ones: in the list, or blank where `No Finding` is 1.
CHEXPERT_ZEROS: dict[str, tuple[int, int]] = {
    "Enlarged Cardiomediastinum": (35_625, 26_532),
    "Cardiomegaly": (30_147, 22_649),
    "Lung Opacity": (26_559, 20_170),
    "Lung Lesion": (23_274, 17_528),
    "Edema": (38_646, 29_456),
    "Consolidation": (41_642, 30_470),
    "Pneumonia": (24_022, 18_109),
    "Atelectasis": (23_226, 17_625),
    "Pneumothorax": (65_311, 54_172),
    "Pleural Effusion": (46_327, 34_382),
    "Pleural Other": (22_677, 17_171),
    "Fracture": (23_802, 18_115),
    "Support Devices": (6_137, 5_340),
}
#: Images that exactly one reader, and that two or three readers marked.
VINDR: dict[str, tuple[int, int]] = {
    "Aortic Enlargement": (721, 2_346),
    "Atelectasis": (124, 62),
    "Calcification": (275, 177),
    "Cardiomegaly": (483, 1_817),
    "Consolidation": (232, 121),
    "ILD": (234, 152),
    "Infiltration": (368, 245),
    "Nodule/Mass": (421, 405),
    "Pleural Effusion": (398, 634),
    "Pleural Thickening": (1_099, 882),
    "Pneumothorax": (38, 58),
    "Fibrosis": (600, 1_017),
}
#: Boxes by their class.
VINDR_BOXES = {
    "Aortic enlargement": 7_162,
    "Atelectasis": 279,
    "Calcification": 960,
    "Cardiomegaly": 5_427,
    "Consolidation": 556,
    "ILD": 1_000,
    "Infiltration": 1_247,
    "Lung Opacity": 2_483,
    "Nodule/Mass": 2_580,
    "Other lesion": 2_203,
    "Pleural effusion": 2_476,
    "Pleural thickening": 4_842,
    "Pneumothorax": 226,
    "Pulmonary fibrosis": 4_655,
}
OPENI = {
    "No Finding": 2_696,
    "Atelectasis": 616,
    "Cardiomegaly": 655,
    "Lung Opacity": 1_045,
    "Pleural Effusion": 292,
    "Calcification": 973,
    "Granuloma": 610,
    "Support Devices": 391,
    "Emphysema": 199,
    "Nodule": 211,
    "Scoliosis": 177,
    "Fracture": 165,
    "Infiltration": 116,
    "COPD": 93,
    "Hernia": 90,
    "Pleural Thickening": 82,
    "Edema": 87,
    "Pneumonia": 77,
    "Consolidation": 53,
    "Pneumothorax": 54,
    "Fibrosis": 34,
    "Hemidiaphragm Elevation": 159,
    "Tuberculosis": 4,
    "PA Enlargement": 15,
    "Mediastinal Shift": 13,
}
#: Of the images in the tree, which has none of ribs (COSTAL), none of EXCLUDE and UNK, and not 13
#: that cannot be read: those with 1. All others are 0, or null if their labels are unusable.
PADCHEST = {
    "No Finding": 50_385,
    "COPD": 23_868,
    "Cardiomegaly": 14_718,
    "Pleural Effusion": 9_818,
    "Pneumonia": 8_040,
    "Support Devices": 13_954,
    "Infiltration": 20_407,
    "Atelectasis": 8_713,
    "Nodule": 4_045,
    "Scoliosis": 8_201,
    "Fracture": 4_384,
}
PADCHEST_USABLE = 152_491


class Pins:
    """Compares numbers and remembers those that differ."""

    def __init__(self) -> None:
        self.checked = 0
        self.failures: list[str] = []

    def check(self, name: str, found: Any, expected: Any) -> None:
        self.checked += 1
        if found != expected:
            self.failures.append(f"{name}: {found}, not {expected}")


class Rows:
    """The rows of a dataset."""

    def __init__(self, paths: list[Path], dataset: str) -> None:
        self.table = metadata_table.read_arrow(paths, dataset)
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.table)

    def count(self, column: str, value: Any, among: Any = None) -> int:
        """Counts rows with a value, among all rows or those of a mask."""
        equal = pc.fill_null(pc.equal(self.table[column], value), False)
        equal = np.asarray(equal)
        return int((equal if among is None else equal & among).sum())

    def is_value(self, column: str, *values: Any) -> Any:
        return np.asarray(pc.is_in(self.table[column], value_set=pa.array(values)))

    def distinct(self, column: str) -> int:
        return len(pc.drop_null(pc.unique(self.table[column])))

    def boxes(self) -> dict[str, int]:
        """Counts boxes by their own term."""
        terms = pc.struct_field(pc.list_flatten(self.table["boxes"]), "term")
        counts = pc.value_counts(pc.drop_null(terms)).to_pylist()
        return {count["values"]: count["counts"] for count in counts}

    def number_of_boxes(self) -> Any:
        """The number of boxes of each image."""
        return np.asarray(pc.fill_null(pc.list_value_length(self.table["boxes"]), 0))

    def with_boxes(self) -> int:
        return int((self.number_of_boxes() > 0).sum())

    def with_term(self, term: str) -> int:
        """Counts images by one of the dataset's own terms."""
        terms = pc.list_flatten(self.table["findings_source"])
        return int(pc.sum(pc.equal(terms, term)).as_py() or 0)


def check_nih(pins: Pins, rows: Rows) -> None:
    pins.check("NIH: rows", len(rows), 112_120)
    pins.check("NIH: patients", rows.distinct("patient_key"), 30_805)
    for view, count in (("PA", 67_310), ("AP", 44_810)):
        pins.check(f"NIH: {view}", rows.count("view", view), count)
    for sex, count in (("M", 63_340), ("F", 48_780)):
        pins.check(f"NIH: {sex}", rows.count("sex", sex), count)
    pins.check("NIH: ages", pc.sum(rows.table["age_years"]).as_py(), 5_227_748)
    pins.check("NIH: age 0", rows.count("age_years", 0), 14)
    for finding, states in NIH.items():
        found = tuple(rows.count(finding, state) for state in (1, 0, -1))
        pins.check(f"NIH: {finding}", found, states)
    is_pa = rows.is_value("view", "PA")
    for finding, count in NIH_PA.items():
        pins.check(f"NIH: {finding}, PA", rows.count(finding, 1, is_pa), count)
    pins.check("NIH: boxes", rows.boxes(), NIH_BOXES)
    pins.check("NIH: images with boxes", rows.with_boxes(), 880)
    for view, count in (("PA", 529), ("AP", 455)):
        of_view = rows.number_of_boxes()[rows.is_value("view", view)]
        pins.check(f"NIH: boxes, {view}", int(of_view.sum()), count)
    first = rows.table.slice(0, 2).to_pydict()
    pins.check("NIH: first keys", first["key"], ["00000001_000.png", "00000001_001.png"])
    pins.check("NIH: first ages", first["age_years"], [57, 58])
    pins.check("NIH: first terms", first["findings_source"][1], ["Cardiomegaly", "Emphysema"])
    boxes = rows.table.filter(pc.equal(rows.table["key"], "00013118_008.png"))["boxes"]
    box = boxes.to_pylist()[0][0]
    found_box = [round(box[side], 9) for side in ("x", "y", "width", "height")]
    pins.check(
        "NIH: first box", found_box, [225.084745763, 547.019216764, 86.779661017, 79.186440678]
    )
    for finding, count in (("Fracture", 186), ("Lung Opacity", 2_166)):
        pins.check(f"Google: {finding}", rows.count(finding, 1), count)
    pins.check("Google: no fracture", rows.count("Fracture", 0), 4_376 - 186)


def check_chexpert(pins: Pins, rows: Rows) -> None:
    pins.check("CheXpert: rows", len(rows), 223_414)
    pins.check("CheXpert: patients", rows.distinct("patient_key"), 64_540)
    pins.check("CheXpert: studies", rows.distinct("study_key"), 187_641)
    frontal = np.asarray(pc.match_substring(rows.table["key"], "_frontal"))
    pins.check("CheXpert: frontal", int(frontal.sum()), 191_027)
    for view, count in (("AP", 161_590), ("PA", 29_420), ("LL", 16), ("RL", 1)):
        pins.check(f"CheXpert: {view}", rows.count("view", view), count)
    pins.check("CheXpert: lateral", rows.count("view", "LATERAL"), 32_387)
    for sex, count, count_frontal in (("M", 132_636, 112_151), ("F", 90_777, 78_875)):
        pins.check(f"CheXpert: {sex}", rows.count("sex", sex), count)
        pins.check(f"CheXpert: {sex}, frontal", rows.count("sex", sex, frontal), count_frontal)
    pins.check("CheXpert: sex unknown", rows.table["sex"].null_count, 1)
    pins.check("CheXpert: age unknown", rows.table["age_years"].null_count, 3)
    ages = pc.sum(rows.table["age_years"].filter(pa.array(frontal))).as_py()
    pins.check("CheXpert: ages, frontal", ages, 11_590_175)
    pins.check("CheXpert: age 90", rows.count("age_years", 90), 7_579)
    for finding, counts in CHEXPERT.items():
        found = tuple(
            rows.count(finding, state, among) for among in (None, frontal) for state in (1, -1)
        )
        pins.check(f"CheXpert: {finding}", found, counts)
    for finding, zeros in CHEXPERT_ZEROS.items():
        found = (rows.count(finding, 0), rows.count(finding, 0, frontal))
        pins.check(f"CheXpert: {finding}, 0", found, zeros)
    nothing_found = rows.is_value("No Finding", 1)
    with_devices = rows.count("Support Devices", 1, nothing_found)
    pins.check("CheXpert: devices, no finding", with_devices, 8_808)


def check_padchest(pins: Pins, rows: Rows) -> None:
    pins.check("PadChest: rows", len(rows), 160_199)
    pins.check("PadChest: sex O", rows.count("sex", "O"), 18)
    pins.check("PadChest: age unknown", rows.table["age_years"].null_count, 6)
    pins.check("PadChest: age 0", rows.count("age_years", 0), 747)
    for view, count in (("PA", 91_721), ("LATERAL", 49_576), ("AP", 4_557), ("AP_SUPINE", 14_345)):
        pins.check(f"PadChest: {view}", rows.count("view", view), count)
    for finding, count in PADCHEST.items():
        pins.check(f"PadChest: {finding}", rows.count(finding, 1), count)
        usable = rows.count(finding, 1) + rows.count(finding, 0)
        pins.check(f"PadChest: {finding}, usable", usable, PADCHEST_USABLE)


def check_rsna(pins: Pins, rows: Rows) -> None:
    pins.check("RSNA: rows", len(rows), 26_684)
    pins.check("RSNA: Lung Opacity", rows.count("Lung Opacity", 1), 6_012)
    opacity = rows.is_value("Lung Opacity", 1)
    for view, count, positive in (("PA", 14_511, 1_348), ("AP", 12_173, 4_664)):
        pins.check(f"RSNA: {view}", rows.count("view", view), count)
        pins.check(f"RSNA: {view}, opacity", rows.count("view", view, opacity), positive)
    for sex, count in (("M", 15_166), ("F", 11_518)):
        pins.check(f"RSNA: {sex}", rows.count("sex", sex), count)
    pins.check("RSNA: age unknown", rows.table["age_years"].null_count, 5)
    pins.check("RSNA: boxes", sum(rows.boxes().values()), 9_555)
    pins.check("RSNA: images with boxes", rows.with_boxes(), 6_012)
    boxes = np.bincount(rows.number_of_boxes(), minlength=5)[1:].tolist()
    pins.check("RSNA: images with 1 to 4 boxes", boxes, [2_614, 3_266, 119, 13])


def check_siim(pins: Pins, rows: Rows) -> None:
    pins.check("SIIM: rows", len(rows), 12_047)
    found = tuple(rows.count("Pneumothorax", state) for state in (1, 0))
    pins.check("SIIM: Pneumothorax", found, (2_669, 9_378))
    images = np.asarray(pc.greater(pc.fill_null(pc.list_value_length(rows.table["masks"]), 0), 0))
    pins.check("SIIM: images with masks", int(images.sum()), 2_669)
    # Starts and lengths alternate. The rows of an image are several masks, or one of their union.
    runs = pc.struct_field(pc.list_flatten(rows.table["masks"]), "runs")
    area = sum(sum(run[1::2]) for run in runs.to_pylist())
    pins.check("SIIM: area", area, SIIM_AREA if len(runs) == SIIM_MASKS else SIIM_UNION)
    is_first = pc.ends_with(rows.table["key"], f"{SIIM_IMAGE}.dcm")
    run = rows.table.filter(is_first)["masks"].to_pylist()[0][0]["runs"]
    found = (len(run) // 2, run[:2], run[-2:], sum(run[1::2]))
    pins.check("SIIM: runs of an image", found, (337, [128_599, 13], [400_146, 7], 30_859))


#: The masks, their areas added up, and the areas of each image's masks without their overlaps.
SIIM_MASKS, SIIM_AREA, SIIM_UNION = 3_576, 39_729_957, 38_250_469

#: A mask whose runs were counted from the list: row by row, not column by column as there.
SIIM_IMAGE = "1.2.276.0.7230010.3.1.4.8323329.13666.1517875247.117800"


def check_vindr(pins: Pins, rows: Rows) -> None:
    pins.check("VinDr: rows", len(rows), 15_000)
    for finding, counts in VINDR.items():
        found = (rows.count(finding, -1), rows.count(finding, 1))
        pins.check(f"VinDr: {finding}", found, counts)
    # These are no findings of the vocabulary, or only kinds of one.
    for term, one, more in (("Lung Opacity", 775, 547), ("Other lesion", 772, 362)):
        found = (rows.with_term(f"{term}=-1"), rows.with_term(term))
        pins.check(f"VinDr: {term}", found, (one, more))
    pins.check("VinDr: No Finding", rows.count("No Finding", 1), 10_606)
    boxes = rows.boxes()
    boxes.pop("No finding", None)
    pins.check("VinDr: boxes", boxes, VINDR_BOXES)
    pins.check("VinDr: images with boxes", rows.with_boxes(), 4_394)


def check_openi(pins: Pins, rows: Rows) -> None:
    pins.check("Open-i: rows", len(rows), 7_470)
    for finding, count in OPENI.items():
        pins.check(f"Open-i: {finding}", rows.count(finding, 1), count)
    # 104 of the 3,955 reports have no image.
    images = pc.value_counts(rows.table["study_key"]).to_pylist()
    images = np.bincount([study["counts"] for study in images], minlength=6)[1:].tolist()
    pins.check("Open-i: reports with 1 to 5 images", images, [446, 3_208, 181, 15, 1])
    # All 95 reports without an index and 6 that tell nothing but the quality.
    labelled = rows.count("No Finding", 1) + rows.count("No Finding", 0)
    pins.check("Open-i: not indexed", len(rows) - labelled, 186)


CHECKS = (
    ("chex-ray14", check_nih),
    ("chexpert", check_chexpert),
    ("padchest", check_padchest),
    ("rsna", check_rsna),
    ("siim", check_siim),
    ("vindrcxr", check_vindr),
    ("openi", check_openi),
)


def check_all(paths: list[Path]) -> Pins:
    pins = Pins()
    for dataset, check in CHECKS:
        check(pins, Rows(paths, dataset))
    return pins


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("tables", type=Path, nargs="+", metavar="metadata.parquet")
    pins = check_all(parser.parse_args().tables)
    for failure in pins.failures:
        print(f"DIFFERS: {failure}")
    print(f"{pins.checked - len(pins.failures)} of {pins.checked} numbers agree")
    sys.exit(1 if pins.failures else 0)


if __name__ == "__main__":
    main()
