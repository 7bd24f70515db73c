"""Running the programs that read a definition: the linter and the type checker, each with settings of ours alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import ProjectError

SECONDS = 60.0
_KEPT = ("PATH", "HOME", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "LANG")


@dataclass(frozen=True, slots=True)
class Finding:
    """One mistake in a definition's file.

    Attributes
    ----------
    path, line
        Where, from the project's root.
    code
        The rule that says so.
    message
        What is wrong.
    """

    path: str
    line: int
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}, line {self.line}: {self.message} [{self.code}]"


def program(name: str) -> str:
    """Return where the program of the package `name` is: beside this Python, else on PATH."""
    folders = (sysconfig.get_path("scripts"), str(Path(sys.executable).parent))
    suffix = sysconfig.get_config_var("EXE") or ""
    for folder in folders:
        found = Path(folder) / f"{name}{suffix}"
        if found.is_file() and os.access(found, os.X_OK):
            return str(found)
    found_on_path = shutil.which(name)
    if found_on_path is None:
        raise ProjectError(
            f"{name} is not installed in this environment.",
            remedy=f"Install it: pip install {name}, or feature-workbench anew.",
        )
    return found_on_path


def run(arguments: Sequence[str], *, folder: Path | None = None, fine: Sequence[int] = (0, 1)) -> str:
    """Return what a program prints."""
    name = Path(arguments[0]).stem
    try:
        done = subprocess.run(
            arguments,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            cwd=folder,
            env=_environment(os.environ),
            timeout=SECONDS,
            start_new_session=True,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ProjectError(f"{name} cannot be run: {error}.", remedy=f"Install {name} again, then retry.") from None
    if done.returncode not in fine:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ProjectError(
            f"{name} failed with code {done.returncode}: {said[-1][:300] if said else 'it said nothing'}.",
            remedy=f"Install the {name} that feature-workbench asks for: pip install --upgrade feature-workbench.",
        )
    return done.stdout.decode("utf-8", "replace")


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return what a program needs of the environment; settings of its own that are set there must not count."""
    return {name: value for name, value in variables.items() if name.upper() in _KEPT}
