"""Running a program that must neither ask anybody anything nor outlive its time."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

NEVER_ASK = {
    "GIT_ASKPASS": "",  # empty, it also keeps git from SSH_ASKPASS and core.askPass
    "GIT_TERMINAL_PROMPT": "0",
    "SSH_ASKPASS_REQUIRE": "never",
}


def run_apart(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    given: bytes = b"",
    timeout: float | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run `command` in a session of its own, which has no terminal to ask on, and return how it ended.

    A kernel's interrupt goes to the whole process group, and must not stop it halfway.

    Parameters
    ----------
    command
        The program and its arguments; no shell.
    folder
        Where it runs.
    environment
        All of its environment.
    given
        What it reads.
    timeout
        Seconds after which it is killed, with the programs that it started.

    Raises
    ------
    OSError
        Where it cannot be started.
    subprocess.TimeoutExpired
        Where it took longer.
    """
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            out, err = process.communicate(given, timeout)
        except BaseException as error:
            if isinstance(error, subprocess.TimeoutExpired):
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # git's ssh would hold its pipes open
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)
