"""Which rows of the metadata table meet the criteria of ``where``."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from machex.metadata_files import check_findings, import_pyarrow, near
from machex.metadata_rows import MetadataRows

if TYPE_CHECKING:
    import pyarrow

#: The values of columns with few values. A wrong one is an error instead of an empty selection.
VALUES: Mapping[str, tuple[str, ...]] = {
    "view": ("PA", "AP", "AP_SUPINE", "LATERAL", "LL", "RL", "OBLIQUE", "OTHER"),
    "sex": ("M", "F", "O"),
    "split": ("train", "validate", "test"),
}

#: Criteria that are not columns.
_NO_COLUMNS = ("age", "findings", "dataset")


def checked_criteria(
    criteria: Mapping[str, Any], findings: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Returns the criteria by column, without those that are ``None``.

    The age in years is under ``age``.

    Raises:
        ValueError: when a value cannot be in its column.
        TypeError: when ``findings`` is not a dictionary.
    """
    chosen = {name: _repeatable(value) for name, value in criteria.items() if value is not None}
    for name, possible in VALUES.items():
        for value in _listed(chosen.get(name, ())):
            if value not in possible:
                raise ValueError(
                    f"{name} is never {value!r}{near(value, possible)}; it is one of "
                    f"{', '.join(possible)}"
                )
    if findings is not None:
        if not isinstance(findings, Mapping):
            raise TypeError(
                f"findings must be a dictionary such as {{'Edema': 1}}, not {findings!r}"
            )
        chosen["findings"] = {
            name: _repeatable(value) for name, value in findings.items() if value is not None
        }
    return chosen


def matching_rows(rows: MetadataRows, criteria: Mapping[str, Any]) -> NDArray[np.bool_]:
    """Returns whether each image meets all criteria, which :func:`checked_criteria` returned.

    Raises:
        TypeError: when a criterion is not a column, or its value has the wrong type.
        ValueError: when there is no such finding.
        TreeError, ImportError: when the table cannot be read.
    """
    wanted = dict(criteria)
    if not _is_of(rows.index.dataset, wanted.pop("dataset", None)):
        return np.zeros(len(rows.index), np.bool_)
    if not wanted:
        return np.ones(len(rows.index), np.bool_)
    schema = rows.schema()
    findings = wanted.pop("findings", {})
    check_findings(schema, findings)
    age = wanted.pop("age", None)
    for name in wanted:
        if name not in schema.names:
            names = [*_NO_COLUMNS, *schema.names]
            raise TypeError(
                f"where has no criterion {name!r}{near(name, names)}; it has age, findings, and "
                f"the columns of the metadata: {', '.join(schema.names)}"
            )
    wanted.update(findings)
    ages = [] if age is None else ["age_years", "age_is_group"]
    table = rows.read(list(dict.fromkeys([*wanted, *ages])))
    found = np.ones(len(rows.index), np.bool_)
    for name, value in wanted.items():
        found &= _matches(name, table[name], value)
    if age is not None:
        is_group = np.asarray(table["age_is_group"].fill_null(False))
        found &= _matches("age", table["age_years"], age) & ~is_group
    return found


def _is_of(dataset: str, wanted: Any) -> bool:
    return wanted is None or dataset in _listed(wanted)


def _matches(name: str, column: pyarrow.ChunkedArray, wanted: Any) -> NDArray[np.bool_]:
    arrow = import_pyarrow()
    try:
        if arrow.types.is_nested(column.type):
            found = _nested_matches(arrow, column, wanted)
        elif isinstance(wanted, tuple) and not _is_text(arrow, column.type):
            found = _in_range(arrow, column, wanted)
        else:
            values = [_value(arrow, column.type, value) for value in _listed(wanted)]
            if None in values:
                raise ValueError("None is no value to look for: an unknown value never matches")
            found = arrow.compute.is_in(column, arrow.array(values, column.type))
    # Arrow's errors are among these.
    except (TypeError, ValueError, OverflowError, NotImplementedError) as error:
        raise TypeError(f"where({name}={wanted!r}): {error}") from error
    # A null never matches: `is_in` is false for it, a comparison is null.
    return np.asarray(found.fill_null(False), np.bool_)


def _in_range(
    arrow: Any, column: pyarrow.ChunkedArray, wanted: tuple[Any, ...]
) -> pyarrow.ChunkedArray:
    if len(wanted) != 2:
        raise ValueError("a range has two ends, (first, last); for several values, give a list")
    first, last = (_value(arrow, column.type, end) for end in wanted)
    found = column.is_valid()
    for end, compare in (
        (first, arrow.compute.greater_equal),
        (last, arrow.compute.less_equal),
    ):
        if end is not None:
            found = arrow.compute.and_(found, compare(column, end))
    return found


def _nested_matches(arrow: Any, column: pyarrow.ChunkedArray, wanted: Any) -> pyarrow.ChunkedArray:
    """Lists of texts contain one of ``wanted``; lists of anything else are empty or not."""
    if arrow.types.is_string(column.type.value_type):
        terms = frozenset(_listed(wanted))
        return arrow.array([not terms.isdisjoint(own or ()) for own in column.to_pylist()])
    if not isinstance(wanted, bool):
        raise ValueError("it is a list: True finds images that have some, False those without")
    has_some = arrow.compute.greater(arrow.compute.list_value_length(column), 0).fill_null(False)
    return has_some if wanted else arrow.compute.invert(has_some)


def _value(arrow: Any, kind: Any, value: Any) -> Any:
    """Returns a value as one of a column's type: a text may be a date."""
    if arrow.types.is_date(kind) and isinstance(value, str):
        return datetime.date.fromisoformat(value)
    if isinstance(value, np.generic):
        value = value.item()
    # Otherwise 0.5 would become the finding 0, and True the finding 1.
    if arrow.types.is_integer(kind) and value is not None and not _is_whole(value):
        raise ValueError(f"{value!r} is not a whole number")
    return value


def _is_whole(value: Any) -> bool:
    # An infinity and a NaN are no integers.
    return not isinstance(value, bool) and (
        isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    )


def _is_text(arrow: Any, kind: Any) -> bool:
    return bool(arrow.types.is_string(kind) or arrow.types.is_large_string(kind))


def _repeatable(wanted: Any) -> Any:
    """Returns a criterion whose values can be looked at several times."""
    return list(wanted) if isinstance(wanted, Iterator) else wanted


def _listed(wanted: Any) -> Sequence[Any]:
    """Returns the values of a criterion, which may be one value or several."""
    if isinstance(wanted, str) or not isinstance(wanted, Iterable):
        return [wanted]
    return list(wanted)
