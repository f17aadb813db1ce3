"""The package itself: what it imports, what it says of itself, where its program is."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
from graphlib import TopologicalSorter
from importlib.metadata import distribution
from pathlib import Path

import pytest

import machex
from machex import MachexError, program
from machex.lazy import PUBLIC

REPOSITORY = Path(__file__).resolve().parents[3]


def modules_after(statements: str) -> set[str]:
    """Top-level modules that are loaded after some statements, in an interpreter of their own."""
    code = f"{statements}\nimport sys; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


HEAVY = {"numpy", "torch", "torchvision", "PIL", "pandas", "pyarrow"}


def test_nothing_is_imported_before_it_is_used(materialized: Path) -> None:
    assert not modules_after("import machex; machex.LABELS; dir(machex)") & HEAVY
    assert "multiprocessing" not in modules_after("import machex")
    assert not modules_after("import machex; machex.mount") & HEAVY
    load = f"import machex; machex.load_index({str(materialized)!r}, 'mimic').patient_ids()"
    assert modules_after(load) & HEAVY == {"numpy"}


def imported_by(path: Path) -> set[str]:
    """The modules of the package that one of them imports, wherever in it."""
    imports = re.findall(r"^\s*from machex(?:\.(\w+)| import (\w+))", path.read_text(), re.M)
    return {module or name for module, name in imports}


def test_no_two_modules_need_each_other() -> None:
    # The package itself imports none before it is used.
    modules = Path(machex.__file__).parent.glob("[!_]*.py")
    needs = {path.stem: imported_by(path) for path in modules}
    assert needs["index"] >= {"patients", "tables"}
    TopologicalSorter(needs).prepare()


def test_every_export_is_there() -> None:
    names = {name for module, names in PUBLIC.items() if module != "datasets" for name in names}
    assert {"LABELS", "Index", "mount", "TreeError"} <= names
    for name in names:
        assert getattr(machex, name) is not None
    assert names <= set(dir(machex))


def test_type_checkers_know_every_export() -> None:
    source = Path(machex.__file__).read_text()
    imported = re.findall(r"^    from machex\.(\w+) import (\w+) as \2$", source, re.MULTILINE)
    assert sorted(imported) == sorted(
        (module, name) for module, names in PUBLIC.items() for name in names
    )


def test_a_wrong_name_is_told_the_right_one() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'nothing'$"):
        machex.nothing  # noqa: B018
    with pytest.raises(AttributeError, match=r"did you mean MaCheXDataset\?"):
        machex.MachexDataset  # noqa: B018
    with pytest.raises(AttributeError, match=r"did you mean load_index\?"):
        machex.load  # noqa: B018
    assert not hasattr(machex, "__all__")


def test_the_help_fits_two_screens() -> None:
    command = [sys.executable, "-m", "pydoc", "machex"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) <= 90
    described = lines[: lines.index("PACKAGE CONTENTS")]
    assert all(len(line) <= 80 for line in described)
    for names in PUBLIC.values():
        for name in names:
            assert name in done.stdout


def test_datasets_say_what_they_need_where_it_is_not_there() -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import machex\n"
        "try: machex.MaCheXDataset\n"
        "except ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install torch torchvision pillow;" in done.stdout


def test_no_message_names_what_pip_cannot_find() -> None:
    # Nothing is published under this name.
    for path in Path(machex.__file__).parent.glob("*.py"):
        assert not re.search(r"pip install (-\S+ )*'?machex", path.read_text()), path


def test_the_labels_are_those_of_the_program() -> None:
    source = (REPOSITORY / "src/lists/labels.rs").read_text()
    listed = re.search(r"LABELS: \[&str; 13\] = \[(.*?)\];", source, re.DOTALL)
    assert listed is not None
    assert tuple(re.findall(r'"(.*?)"', listed[1])) == machex.LABELS


def test_the_wheel_is_typed_and_fits_every_python_3() -> None:
    files = {str(path) for path in distribution("machex").files or []}
    assert "machex/py.typed" in files
    assert not [name for name in files if name.endswith(".so")]
    wheel = distribution("machex").read_text("WHEEL") or ""
    assert re.search(r"^Tag: py3-none-\S*linux", wheel, re.MULTILINE)
    assert distribution("machex").metadata["Requires-Python"] == ">=3.9"


def test_the_program_is_beside_the_interpreter() -> None:
    assert machex.find_program() == Path(sysconfig.get_path("scripts")) / "machex"


def test_a_program_that_is_nowhere_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "_NAME", "machex-that-is-not-there")
    with pytest.raises(MachexError, match=r"pip install .*\.whl.*MACHEX_PROGRAM"):
        machex.find_program()


def test_without_pytorch_the_members_can_be_listed() -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import importlib.util, inspect\n"
        "importlib.util.find_spec = lambda name: None\n"
        "import machex\n"
        "print(*[name for name, _ in inspect.getmembers(machex)])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"mount", "load_index"} <= set(done.stdout.split())
    assert "MaCheXDataset" not in done.stdout
