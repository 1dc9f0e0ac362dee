"""Becomes a program of the stack: reads its command and environment from a private file.

No secret is in the process manager's configuration or on a command line, and a restart can change the environment.

Run by the process manager as `python -I launch.py SPECIFICATION`; imports nothing that takes time.
"""

import json
import os
import sys
from pathlib import Path


def main() -> None:
    """Replaces this process by the program, so that the process manager knows its pid."""
    with Path(sys.argv[1]).open(encoding="utf-8") as file:
        specification = json.load(file)
    command: list[str] = specification["command"]
    os.execve(command[0], command, specification["environment"])


if __name__ == "__main__":
    main()
