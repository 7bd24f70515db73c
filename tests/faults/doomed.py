"""A process that is killed at its n-th step: run as a script, never imported by the tests.

A step is whatever the interpreter does to files and processes: making, linking, renaming and removing files, opening
them to write, starting a process such as git. Before the first and after the last of them nothing differs on disk,
and within one there is nothing of ours.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

STEPS = {"os.rename", "os.link", "os.mkdir", "os.remove", "os.rmdir", "os.chmod", "os.truncate", "subprocess.Popen"}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC


def doom(last: int) -> list[int]:
    """Have this process killed at step `last` (never where 0), and return a list that counts steps."""
    done = [0]

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if not isinstance(flags, int) or not flags & WRITES or str(path).startswith("/dev/"):
                return
        elif event not in STEPS:
            return
        done[0] += 1
        if done[0] == last:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    return done


def main() -> None:
    """Run ``doomed.py ROOT STEP VERB``; prints the number of steps where it comes to its end."""
    root, last, verb = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    from datetime import timedelta

    import workbench as wb
    from workbench.promote import collect_garbage  # loads the room, before steps are counted

    project = wb.open(root, branch="exp/first")
    rooms = project._rooms
    done = doom(last)
    if verb == "promote":
        project.promote("spend", accept={"spend": "twice"})
    elif verb == "materialize":
        project.materialize()
    elif verb == "rollback":
        project.rollback("spend", "1.0")
    else:
        collect_garbage(rooms, delete=True, safety=timedelta(0))
    print(done[0])


if __name__ == "__main__":
    main()
