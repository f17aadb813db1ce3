"""PadChest: torchxrayvision looks for parts of words in the text of a list of terms."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pandas as pd
from categories import (
    AGE_AT_STUDY,
    BROADER,
    CHILDREN,
    DOUBTFUL,
    LEADING_ZEROS,
    NARROWER,
    NO_LABEL_CELL,
    SEX_OTHER,
    SUBSTRING,
    UNREADABLE_OURS,
    UNREADABLE_THEIRS,
    UNUSABLE,
    VIEW_NOT_IN_TREE,
)
from comparison import (
    Comparison,
    compare_views,
    find_list,
    is_missing,
    is_one,
    is_zero,
    joined_terms,
    labels,
    sex,
    without_prefix,
)
from torchxrayvision import datasets

LIST = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv"

#: Only on the original script's list of unreadable files. `PADCHEST_STRICT_VETO` adds the last
#: three, which the script misspells.
UNREADABLE = (
    "16318114638720496804398478863603181862_hsqx37.png",
    "232387753838738339711526121280969069202_3kz4uc.png",
    "216840111366964012373310883942009183085424538_00-030-080.png",
    "216840111366964012373310883942009118085640636_00-070-094.png",
    "216840111366964012487858717522009209140601076_00-032-109.png",
)

VIEWS_NOT_IN_TREE = ("COSTAL", "EXCLUDE", "UNK")

#: Terms that contain the name of a finding and are another one.
OTHER_TERMS = {
    "Emphysema": ["subcutaneous emphysema"],
    "Mass": ["breast mass", "soft tissue mass", "mediastinal mass", "pleural mass"],
    "Pleural Effusion": ["pericardial effusion"],
}
BROADER_TERMS = {"Mass": ["mass"]}
DOUBTFUL_TERMS = {"Nodule": ["pseudonodule"], "Tuberculosis": ["tuberculosis sequelae"]}

#: Narrower terms that do not contain the words for which torchxrayvision looks.
NARROWER_TERMS = {
    "Fibrosis": ["asbestosis signs", "post radiotherapy changes"],
    "Infiltration": ["miliary opacities"],
    "Pleural Effusion": ["hydropneumothorax", "empyema"],
    "Support Devices": [
        "dai",
        "catheter",
        "central venous catheter",
        "central venous catheter via jugular vein",
        "central venous catheter via subclavian vein",
        "central venous catheter via umbilical vein",
        "reservoir central venous catheter",
        "endotracheal tube",
        "tracheostomy tube",
        "nsg tube",
        "chest drain tube",
        "ventriculoperitoneal drain tube",
        "gastrostomy tube",
        "nephrostomy tube",
        "double j stent",
        "artificial heart valve",
        "artificial aortic heart valve",
        "artificial mitral heart valve",
        "aortic endoprosthesis",
        "endoprosthesis",
    ],
}

#: torchxrayvision's findings without a column of their own here: what a term has to contain.
ONLY_TERMS = {
    "Air Trapping": "air trapping",
    "Aortic Atheromatosis": "aortic atheromatosis",
    "Aortic Elongation": "aortic elongation",
    "Costophrenic Angle Blunting": "costophrenic angle blunting",
    "Flattened Diaphragm": "flattened diaphragm",
    "Hilar Enlargement": "hilar enlargement|adenopathy|pulmonary artery enlargement",
    "Tube": r"(?:tube|stent)(?:;|$)",
}


def compare(root: Path, ours: pd.DataFrame) -> Comparison | None:
    path = find_list(root, LIST)
    if path is None:
        return None
    data = datasets.PC_Dataset(imgpath=root, csvpath=str(path), views=["*"], unique_patients=False)
    theirs = labels(data, data.csv["ImageID"])
    findings = [name for name in theirs.columns if name not in ONLY_TERMS]
    for name, column in (
        ("patient", "patientid"),
        ("age", "age_years"),
        ("view", "view"),
        ("date", "StudyDate_DICOM"),
        ("terms", "Labels"),
    ):
        theirs[name] = data.csv[column].to_numpy()
    theirs["sex"] = sex(data)
    result = Comparison("padchest", ours.set_index("key"), theirs)
    _compare_rows(result, pd.read_csv(path, low_memory=False).set_index("ImageID"))
    patient, number = without_prefix(result.ours["patient_key"]), result.theirs["patient"]
    same = patient.str.lstrip("0") == number
    result.column("patient", patient, number, [(LEADING_ZEROS, same)])
    age, year = result.ours["age_years"], result.theirs["date"] // 10_000
    at_study = result.theirs["age"] - age == 2017 - year
    result.column("age", age, result.theirs["age"], [(AGE_AT_STUDY, at_study)])
    other = (result.ours["sex"] == "O") & is_missing(result.theirs["sex"])
    result.column("sex", result.ours["sex"], result.theirs["sex"], [(SEX_OTHER, other)])
    compare_views(result, result.theirs["view"])
    _compare_findings(result, findings)
    return result


def _compare_rows(result: Comparison, listed: pd.DataFrame) -> None:
    here = listed.loc[result.only_ours.index]
    result.rows(
        ours=[
            (NO_LABEL_CELL, here["Labels"].isna()),
            (UNREADABLE_THEIRS, result.only_ours["known_bad"] == True),  # noqa: E712
            (CHILDREN, here["PatientBirth"].isna() | (here["PatientBirth"] > 2008)),
        ],
        theirs=[
            (UNREADABLE_OURS, result.only_theirs.index.isin(UNREADABLE)),
            (VIEW_NOT_IN_TREE, result.only_theirs["view"].isin(VIEWS_NOT_IN_TREE)),
        ],
    )


def _compare_findings(result: Comparison, findings: list[str]) -> None:
    terms = [
        [term.strip().lower() for term in ast.literal_eval(cell)] for cell in result.theirs["terms"]
    ]
    exploded = pd.Series(terms).explode()
    unusable = np.array([_is_unusable(set(row)) for row in terms])

    def has(wanted: list[str]) -> np.ndarray:
        rows = np.zeros(len(terms), dtype=bool)
        rows[exploded.index[exploded.isin(wanted)]] = True
        return rows

    for finding in findings:
        ours, theirs = result.ours[finding], result.theirs[finding]
        too_many = ~is_one(ours) & is_one(theirs)
        too_few = is_one(ours) & is_zero(theirs)
        result.finding(
            finding,
            [
                (UNUSABLE, is_missing(ours) & unusable),
                (SUBSTRING, too_many & has(OTHER_TERMS.get(finding, []))),
                (BROADER, too_many & has(BROADER_TERMS.get(finding, []))),
                (DOUBTFUL, too_many & has(DOUBTFUL_TERMS.get(finding, []))),
                (NARROWER, too_few & has(NARROWER_TERMS.get(finding, []))),
            ],
        )
    source = joined_terms(result.ours["findings_source"]).str.lower()
    for name, pattern in ONLY_TERMS.items():
        found = source.str.contains(pattern, regex=True)
        result.column(f"findings_source: {name}", found, is_one(result.theirs[name]))


def _is_unusable(terms: set[str]) -> bool:
    says_something = bool(terms - {"", "unchanged"})
    return not says_something or bool(terms & {"exclude", "suboptimal study"})
