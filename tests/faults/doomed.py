"""A process in which a verb runs, and is killed or refused something at its n-th step.

A step is whatever the interpreter does to files and processes: making, linking, renaming and removing files, opening
them to write, starting a process such as git. Before the first and after the last of them nothing differs on disk,
and within one there is nothing of ours.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import signal
import sys
import tempfile
import traceback
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.faults.verbs import VERBS
from tests.forks import take_environment
from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

STEPS = {"os.rename", "os.link", "os.mkdir", "os.remove", "os.rmdir", "os.chmod", "os.truncate", "subprocess.Popen"}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC
_SET_PTRACER, _ANY = 0x59616D61, -1


@dataclass(frozen=True, slots=True)
class Ended:
    """How a verb ended that nobody killed.

    Attributes
    ----------
    steps
        How many it took.
    said
        The error that it raised, with its remedy; empty where it raised none.
    is_ours
        Whether the error is one of ours.
    """

    steps: int
    said: str = ""
    is_ours: bool = True


def doom(last: int, number: int = 0) -> list[int]:
    """Have this process killed at step `last`, or the step fail with error `number`; return a list that counts steps.

    Nothing happens where `last` is 0.
    """
    done = [0]

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if not isinstance(flags, int) or not flags & WRITES or str(path).startswith("/dev/"):
                return
        elif event not in STEPS:
            return
        done[0] += 1
        if done[0] != last:
            return
        if number:
            raise OSError(number, os.strerror(number), str(arguments[0]))
        os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    return done


def run(told: Connection, root: Path, verb: str, variables: dict[str, str], last: int = 0, number: int = 0) -> None:
    """Run `verb` in `root`, in a session of its own; say that it begins, wait for the word, and say how it ended."""
    os.setsid()
    ctypes.CDLL(None).prctl(_SET_PTRACER, _ANY, 0, 0, 0)  # strace may watch, also where it is not our parent
    take_environment(variables)
    tempfile.tempdir = variables["TMPDIR"]
    os.chdir(root.parent)
    out = os.open(root.parent / "printed", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(out, stream)
    warnings.simplefilter("default")
    told.send("ready")
    told.recv()
    done = doom(last, number)
    try:
        VERBS[verb].act(root)
    except BaseException as error:  # noqa: BLE001  # whatever it is, the test says what it ought to be
        ours = isinstance(error, WorkbenchError)
        said = f"{error}\n{error.remedy}" if isinstance(error, WorkbenchError) else traceback.format_exc()
        ended = Ended(done[0], said, ours and "Traceback" not in said and bool(getattr(error, "remedy", "")))
    else:
        ended = Ended(done[0])
    told.send(ended)
    atexit._run_exitfuncs()  # a fork ends without them
