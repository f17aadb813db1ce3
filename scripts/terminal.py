#!/usr/bin/env python3
"""Runs the first commands of a user in a terminal, and draws it as an SVG file.

    scripts/terminal.py MACHEX OUTPUT

Needs FUSE. `make pictures` calls it.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

#: Columns of the terminal.
WIDTH = 80

#: What the user types, in a folder with a sample.
COMMANDS = [
    "machex check config.yml",
    "mkdir mnt",
    "machex mount config.yml mnt",
    "ls -C mnt",
    "cp mnt/chexpert/00/*.jpg /tmp",
    "machex status mnt",
    "machex unmount mnt",
]


def output(command: str, folder: Path, program: Path) -> str:
    """Runs a command in a terminal, and returns what it wrote there."""
    path = f"{program.parent}:{os.environ['PATH']}"
    inside = f"stty cols {WIDTH} && {command.replace('/tmp', '$TMPDIR')}"
    done = subprocess.run(
        ["script", "--quiet", "--return", "--command", inside, "/dev/null"],
        cwd=folder,
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env={**os.environ, "PATH": path, "TERM": "xterm-256color", "TMPDIR": str(folder.parent)},
    )
    text = done.stdout.decode().replace("\r\n", "\n").rstrip("\n")
    # The path of this machine is no part of the picture.
    return text.replace(str(folder), "/home/me")


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    program, target = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    console = Console(width=WIDTH, record=True, file=io.StringIO(), highlight=False)
    with tempfile.TemporaryDirectory(prefix="m") as above:
        folder = Path(above) / "me"
        subprocess.run([program, "sample", folder], check=True, stdout=subprocess.DEVNULL)
        for command in COMMANDS:
            console.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
            shown = output(command, folder, program)
            if shown:
                console.print(Text.from_ansi(shown))
    svg = console.export_svg(title="machex", unique_id="terminal")
    # Readers have a monospaced font; a picture loads nothing.
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    target.write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
