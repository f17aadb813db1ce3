"""What the tests share: the installed package, a sample of all datasets, and its trees.

`make test` installs the wheel before. Tests in `base` need NumPy and nothing else, and run under
every Python that is there; those in `extras` need PyTorch, pandas and Arrow.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import machex
from machex.program import find_program

REPOSITORY = Path(__file__).resolve().parents[2]

#: Images of each dataset in the sample.
IMAGES = 12


def pytest_configure() -> None:
    where = Path(machex.__file__).resolve()
    if REPOSITORY / "python" in where.parents:
        pytest.exit(f"the tests are for the installed package, not for {where}: make test", 2)


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test touches the user's cache, nor is found out by what is in it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


def run(*arguments: str | os.PathLike[str]) -> str:
    """Runs the program; fails the test with its message unless it ends well."""
    done = subprocess.run([find_program(), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The config of a sample of all datasets, both views."""
    folder = tmp_path_factory.mktemp("sample")
    run("sample", folder, "--images", str(IMAGES))
    return folder / "config.yml"


@pytest.fixture(scope="session")
def materialized(sample: Path) -> Path:
    """The tree that `machex materialize` makes of the sample."""
    run("materialize", sample)
    return sample.parent / "machex"


@pytest.fixture(scope="session")
def mounted(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A mount of the sample of which nothing is materialized."""
    if os.environ.get("MACHEX_SKIP_FUSE") == "1":
        pytest.skip("MACHEX_SKIP_FUSE=1 says so")
    config = _elsewhere(sample, tmp_path_factory.mktemp("elsewhere"))
    with machex.mount(config) as root:
        yield root


def _elsewhere(sample: Path, folder: Path) -> Path:
    """The sample's config with an empty tree and a cache of its own."""
    lines = sample.read_text().splitlines()
    lines = [line for line in lines if not line.startswith(("MACHEX_PATH:", "CACHE_PATH:"))]
    lines = [line.replace(": raw/", f": {sample.parent}/raw/") for line in lines]
    config = folder / "config.yml"
    config.write_text("\n".join(["MACHEX_PATH: tree", "CACHE_PATH: cache", *lines]) + "\n")
    return config


@pytest.fixture
def mountable(sample: Path, tmp_path: Path) -> Path:
    """A config for a mount of the test's own, with an empty cache."""
    if os.environ.get("MACHEX_SKIP_FUSE") == "1":
        pytest.skip("MACHEX_SKIP_FUSE=1 says so")
    folder = tmp_path / "mountable"
    folder.mkdir()
    return _elsewhere(sample, folder)


@pytest.fixture(params=["mounted", "materialized"])
def tree(request: pytest.FixtureRequest) -> Path:
    """A mounted tree, and a materialized one."""
    root: Path = request.getfixturevalue(request.param)
    return root
