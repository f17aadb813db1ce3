"""The README's commands from `pip install` to an epoch, as they stand there."""

from __future__ import annotations

import os
import platform
import re
import shutil
import site
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]


def commands() -> str:
    """The shell block of the README's section on training."""
    readme = (REPOSITORY / "README.md").read_text()
    section = readme.split("## Train with it", 1)[1].split("\n## ", 1)[0]
    block = re.search(r"(?:^    .*\n)+", section, re.MULTILINE)
    assert block is not None
    return re.sub(r"^    ", "", block[0], flags=re.MULTILINE)


def test_from_pip_install_to_an_epoch(tmp_path: Path) -> None:
    lines = commands()
    for needed in ("pip install", "machex sample", "machex mount", "train_classifier.py"):
        assert needed in lines
    if os.environ.get("MACHEX_SKIP_FUSE") == "1":
        import pytest

        pytest.skip("MACHEX_SKIP_FUSE=1 says so")
    # A clone with the wheel that `make test` has built: what is made in it does not stay.
    clone = tmp_path / "machex"
    tracked = subprocess.run(
        ["git", "-C", REPOSITORY, "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, tracked.stdout.split("\0")):
        if (REPOSITORY / name).is_file() and not name.startswith("tests/golden"):
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, clone / name)
    (wheel,) = (REPOSITORY / "target/wheels" / platform.machine()).glob("machex-*.whl")
    shutil.copy2(wheel, clone)
    # A fresh environment, in which PyTorch is there already: it has gigabytes.
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    (packages,) = environment.glob("lib/python*/site-packages")
    others = tmp_path / "others"
    others.mkdir()
    for package in Path(site.getsitepackages()[0]).iterdir():
        # pip would take an installed machex of this version for the one of the wheel.
        if not package.name.startswith("machex"):
            (others / package.name).symlink_to(package)
    (packages / "pytorch.pth").write_text(f"{others}\n")
    path = f"{environment / 'bin'}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euxc", lines],
        cwd=clone,
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "PATH": path,
            "PIP_FORCE_REINSTALL": "0",
        },
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (environment / "bin/machex").is_file(), "pip installed the program"
    assert re.search(r"^epoch 2: loss \d", done.stdout, re.MULTILINE), done.stdout
    assert not os.path.ismount(clone / "demo/mnt")
