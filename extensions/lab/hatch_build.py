"""Puts the JupyterLab extension and the chart library into the wheel, and builds them first where npm is there."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HERE = Path("extensions/lab")
NAME = "feature-workbench-lab"
BUILT = "labextension"
DIGEST = "sources.sha256"
CHARTS = "workbench/notebook/explorer/vega.js"
SOURCES = ("package.json", "package-lock.json", "tsconfig.json", "vega.js", "src/**/*.ts*", "style/*", "schema/*")
HOW = "install Node.js 20.19 or newer, then run: pip install --force-reinstall --no-deps -e ."
INSTALL = ("npm", "ci", "--omit=peer", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund")
STEPS = tuple(("npm", "run", "--silent", step) for step in ("transpile", "bundle", "charts"))


def digest(folder: Path) -> str:
    """Return what identifies the sources that the bundles are built from."""
    found = hashlib.sha256()
    for path in sorted(path for pattern in SOURCES for path in folder.glob(pattern) if ".test." not in path.name):
        found.update(f"{path.relative_to(folder).as_posix()}\0".encode())
        found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def is_current(folder: Path) -> bool:
    """Say whether both bundles are there and built from the sources that are there."""
    noted = folder / BUILT / DIGEST
    is_noted = noted.is_file() and noted.read_text().strip() == digest(folder)
    return is_noted and (folder.parents[1] / CHARTS).is_file()


def build(folder: Path) -> None:
    """Install what the build needs, unless it is there, and build."""
    done = folder / "node_modules" / ".package-lock.json"
    if not done.is_file() or done.stat().st_mtime < (folder / "package-lock.json").stat().st_mtime:
        _run(INSTALL, folder)
    for step in STEPS:
        _run(step, folder)
    (folder / BUILT / DIGEST).write_text(digest(folder) + "\n")


def _run(command: tuple[str, ...], folder: Path) -> None:
    program = shutil.which(command[0]) or command[0]
    done = subprocess.run(
        [program, *command[1:]],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=900,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} in {folder} failed:\n{done.stdout[-3000:]}")


class LabExtensionHook(BuildHookInterface):  # type: ignore[type-arg]  # hatchling's own configuration type
    """Builds both, and adds the extension to a wheel or an sdist; the library is an artifact of them."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build what is not there, or say in one line why it is not."""
        folder = Path(self.root) / HERE
        if not is_current(folder):
            self._build(folder, is_editable=version == "editable")
        if not (folder / BUILT / DIGEST).is_file():
            return
        if self.target_name == "sdist":
            build_data["force_include"][str(folder / BUILT)] = str(HERE / BUILT)
            return
        place = f"share/jupyter/labextensions/{NAME}"
        build_data["shared_data"][str(folder / BUILT)] = place
        build_data["shared_data"][str(folder / "install.json")] = f"{place}/install.json"

    def _build(self, folder: Path, *, is_editable: bool) -> None:
        """Build; what an editable install cannot build it goes without."""
        is_strict = os.environ.get("CI") == "true"
        problem = "" if shutil.which("npm") else "npm is not on PATH"
        if not problem:
            try:
                build(folder)
            except (OSError, RuntimeError, subprocess.SubprocessError) as error:
                if not is_editable or is_strict:
                    raise
                problem = str(error).splitlines()[0]
        elif is_strict:
            raise RuntimeError(
                f"What is installed here must contain the JupyterLab panel and the chart library, but {problem}: {HOW}"
            )
        if problem:
            shutil.rmtree(folder / BUILT, ignore_errors=True)
            (Path(self.root) / CHARTS).unlink(missing_ok=True)
            self.app.display_warning(
                f"The JupyterLab panel and the chart library are not built, since {problem}; {HOW}"
            )
