"""``python -m machex``: replaces this process with the program ``machex``."""

from __future__ import annotations

import os
import sys

from machex.errors import MachexError
from machex.program import find_program


def main() -> None:
    try:
        program = find_program()
    except MachexError as error:
        sys.exit(f"machex: {error}")
    os.execv(program, [str(program), *sys.argv[1:]])


if __name__ == "__main__":
    main()
