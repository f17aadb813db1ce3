"""The datasets that the program knows, and what tells the patients of each.

The program has the one list of them (``machex datasets --json``); this package has none.
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
    """A CSV that tells the patients."""

    name: str
    #: The column of keys.
    image: str
    patient: str


class KnownDataset(NamedTuple):
    """What tells which patient an image is of: a key, a list, or nothing."""

    #: Finds the patient in a key: its first group.
    in_key: re.Pattern[str] | None
    in_list: PatientList | None
    #: Datasets with the same pool have patients in common, under names that no key tells.
    patient_pool: str | None


# A program that was installed meanwhile is asked by the next process.
@functools.cache
def known_datasets() -> Mapping[str, KnownDataset]:
    """The datasets by the names of their folders. The program is asked once.

    Raises:
        MachexError: when the program cannot be run, or does not know its datasets.
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
