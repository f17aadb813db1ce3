"""The datasets that the program knows, and the rule that gives the patients of each.

The program has the only list of datasets (``machex datasets --json``); this package has no copy.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from machex.errors import MachexError
from machex.program import find_program, run


class PatientList(NamedTuple):
    """A CSV with the patient of each image."""

    #: The name of the file.
    name: str
    #: The name of the column with the keys of the images.
    image: str
    #: The name of the column with the patients.
    patient: str


class KnownDataset(NamedTuple):
    """Where a dataset names the patient of an image: in the key, in a list, or nowhere."""

    #: Matches a key; its first group is the patient.
    in_key: re.Pattern[str] | None
    in_list: PatientList | None
    #: Datasets with the same pool have patients in common, under different names. No key shows
    #: which.
    patient_pool: str | None


# Cached until this process ends, even if another program is installed meanwhile.
@functools.cache
def known_datasets() -> Mapping[str, KnownDataset]:
    """Returns the datasets by the names of their folders. Asks the program only once.

    Raises:
        MachexError: when the program cannot be run, or does not list its datasets as expected.
    """
    try:
        document = json.loads(run(["datasets", "--json"]))
        return {each["folder"]: _known(each) for each in document["datasets"]}
    except MachexError as error:
        problem: object = error
    except OSError as error:
        problem = f"{find_program()}: {error.strerror or error}"
    except (ValueError, LookupError, TypeError, re.error) as error:
        problem = f"{find_program()} is of another version than this package ({error!r})"
    raise MachexError(
        "which patient an image is of is known to the program machex, which cannot be asked: "
        f"{problem}"
    )


def _known(described: Mapping[str, Any]) -> KnownDataset:
    # `{"in_key": …}`, `{"in_list": {…}}` or `"unknown"`.
    rule = described["patients"]
    rule = rule if isinstance(rule, dict) else {}
    listed = rule.get("in_list")
    return KnownDataset(
        in_key=re.compile(rule["in_key"]) if "in_key" in rule else None,
        in_list=PatientList(listed["file"], listed["image"], listed["patient"]) if listed else None,
        patient_pool=described["patient_pool"],
    )
