"""The fields of an item, and how those from the metadata are filled."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch

from machex.annotations import boxes_of, import_tv_tensors, masks_of
from machex.errors import TreeError
from machex.metadata import Metadata
from machex.metadata_files import check_findings, finding_names
from machex.metadata_rows import MetadataRows

#: The names of the fields that every tree has.
FIELDS: tuple[str, ...] = ("img", "key", "class_label", "report", "dataset", "path")

#: Fields with a text of the metadata.
_TEXTS = ("view", "sex", "patient_key", "study_key", "split")

#: The names of the fields from the metadata, and the columns that each needs.
METADATA_FIELDS: dict[str, tuple[str, ...]] = {
    "findings": (),
    "boxes": ("boxes", "scale_x"),
    "masks": ("masks",),
    "age_years": ("age_years", "age_is_group"),
    **{name: (name,) for name in _TEXTS},
}

#: What to make of an uncertain finding: its value, and whether it counts as labelled.
UNCERTAIN: dict[str, tuple[float, bool]] = {
    "ignore": (0.0, False),
    "positive": (1.0, True),
    "negative": (0.0, True),
}


def checked_fields(fields: Iterable[str]) -> tuple[str, ...]:
    if isinstance(fields, str):
        raise TypeError(f"fields must be a list of names: [{fields!r}]")
    fields = tuple(fields)
    names = (*FIELDS, *METADATA_FIELDS)
    for field in fields:
        if field not in names:
            raise ValueError(f"there is no field {field!r}; the fields are {', '.join(names)}")
    return fields


class MetadataFields:
    """Fills the fields of an item that are from the metadata."""

    def __init__(
        self,
        rows: MetadataRows,
        fields: Sequence[str],
        findings: Iterable[str] | None,
        uncertain: str,
    ) -> None:
        """Reads the columns that ``fields`` need into memory that processes share.

        Raises:
            ValueError: when there is no such finding, or ``uncertain`` has an unknown value.
            TypeError: when ``findings`` is one name.
            TreeError, ImportError: when the table cannot be read.
        """
        if uncertain not in UNCERTAIN:
            raise ValueError(
                f"uncertain must be one of {', '.join(map(repr, UNCERTAIN))}, not {uncertain!r}"
            )
        self._rows = rows
        self.findings = _checked_findings(rows, fields, findings)
        self._uncertain = UNCERTAIN[uncertain]
        own = [field for field in fields if field in METADATA_FIELDS]
        # Boxes and masks are then transformed together with the image.
        self.has_shapes = "boxes" in own or "masks" in own
        if self.has_shapes:
            import_tv_tensors()
        columns = [*self.findings]
        for field in own:
            columns += METADATA_FIELDS[field]
        self._table: Metadata | None = rows.share(list(dict.fromkeys(columns))) if own else None

    def fill(self, item: dict[str, Any], field: str, row: int) -> None:
        """Fills a field with the values of a row.

        Raises:
            TreeError: when a box or mask of the row cannot be used.
        """
        try:
            self._fill(item, field, row)
        except TreeError as error:
            index = self._rows.index
            raise TreeError(f"{index.dataset}: image {index.ids[row]}: {error}") from error

    def _fill(self, item: dict[str, Any], field: str, row: int) -> None:
        if field == "findings":
            values = [self._finding(self._value(name, row)) for name in self.findings]
            item["findings"] = torch.tensor([value for value, _ in values], dtype=torch.float32)
            item["findings_mask"] = torch.tensor([known for _, known in values], dtype=torch.bool)
        elif field == "boxes":
            has_size = self._value("scale_x", row) is not None
            item["boxes"], item["box_labels"] = boxes_of(self._value("boxes", row), has_size)
        elif field == "masks":
            item["masks"], item["mask_labels"] = masks_of(self._value("masks", row))
        elif field == "age_years":
            age = None if self._value("age_is_group", row) else self._value("age_years", row)
            item["age_years"] = math.nan if age is None else age
        else:
            item[field] = self._value(field, row) or ""

    def image(self, image: Any) -> Any:
        """Returns an image as ``tv_tensors.Image`` if the item also has boxes or masks.

        Transforms of whole items would otherwise take another tensor of the item for the image.
        """
        if self.has_shapes and isinstance(image, torch.Tensor):
            return import_tv_tensors().Image(image)
        return image

    def _value(self, column: str, row: int) -> Any:
        assert self._table is not None
        return self._table[column][row].as_py()

    def _finding(self, value: int | None) -> tuple[float, bool]:
        if value is None:
            return 0.0, False
        return self._uncertain if value == -1 else (float(value), True)


def _checked_findings(
    rows: MetadataRows, fields: Sequence[str], findings: Iterable[str] | None
) -> tuple[str, ...]:
    if isinstance(findings, str):
        raise TypeError(f"findings must be a list of names: [{findings!r}]")
    if "findings" not in fields:
        if findings is not None:
            raise ValueError(
                "findings=[...] needs the field 'findings': fields=('img', 'findings')"
            )
        return ()
    schema = rows.schema()
    if findings is None:
        return tuple(finding_names(schema))
    findings = tuple(findings)
    if not findings:
        raise ValueError("findings must name at least one")
    check_findings(schema, findings)
    return findings
