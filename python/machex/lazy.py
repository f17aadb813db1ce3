"""Imports the public names of the package when they are first used.

The package has no ``__all__``, which would make ``help(machex)`` print every class with everything
that it inherits, on dozens of screens.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from typing import Any, Callable

#: The public names by the modules of the package that have them.
PUBLIC: Mapping[str, tuple[str, ...]] = {
    "coordinates": ("Geometry", "geometry"),
    "datasets": ("ChestXrayDataset", "MaCheXDataset"),
    "errors": ("AlreadyMountedError", "ImageError", "MachexError", "ProgramError", "TreeError"),
    "index": ("Index", "load_index"),
    "labels": ("LABELS",),
    "metadata": ("Metadata", "load_metadata"),
    "mounting": ("Mount", "mount"),
    "patients": ("patient_id", "split_by_patient"),
    "program": ("find_program",),
    "trees": ("list_datasets",),
}

_MODULES = {name: module for module, names in PUBLIC.items() for name in names}


def lazy_names(
    members: dict[str, Any],
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Returns ``__getattr__`` and ``__dir__`` for the package with these members."""

    def get(name: str) -> Any:
        if name == "__version__":
            return _version()
        if name not in _MODULES:
            raise AttributeError(f"module 'machex' has no attribute {name!r}{_hint(name)}")
        value = getattr(importlib.import_module(f"machex.{_MODULES[name]}"), name)
        members[name] = value
        return value

    def list_names() -> list[str]:
        # Tools that list the members of a module also get each of them. Without PyTorch, the two
        # dataset classes cannot be imported, and are not listed.
        has_torch = importlib.util.find_spec("torch") is not None
        names = {*members, *_MODULES}
        return sorted(name for name in names if has_torch or name not in PUBLIC["datasets"])

    return get, list_names


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("machex")
    except PackageNotFoundError:
        # Otherwise `help(machex)` fails, which takes a module without a version.
        raise AttributeError("machex was not installed by pip and has no version") from None


def _hint(name: str) -> str:
    """Names the public name that was probably meant; empty if there is none."""
    if name.startswith("_"):
        return ""
    from difflib import get_close_matches

    of_lower = {known.lower(): known for known in _MODULES}
    close = get_close_matches(name.lower(), of_lower, 1)
    close = close or [known for known in of_lower if known.startswith(f"{name.lower()}_")]
    return f"; did you mean {of_lower[close[0]]}?" if close else ""
