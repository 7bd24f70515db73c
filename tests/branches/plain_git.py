"""Git as anybody calls it, to set scenes and to look at what became of them."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

VIEW = "features/spend.py"


def git(folder: Path, *words: str, given: str = "") -> str:
    done = subprocess.run(["git", *words], cwd=folder, input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"git {' '.join(words)}: {done.stderr}"
    return done.stdout.strip()


def make_repository(root: Path, *options: str) -> Path:
    """Make a repository in `root` whose main holds two definitions and a README."""
    root.mkdir(parents=True, exist_ok=True)
    git(root, "init", "--quiet", "--initial-branch=main", *options)
    (root / "features").mkdir()
    (root / VIEW).write_text("VALUE = 1\n")
    (root / "features" / "other.py").write_text("OTHER = 1\n")
    (root / "README.md").write_text("Trial\n")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--message", "Begin")
    return root


def working_files(root: Path) -> dict[str, tuple[int, bytes]]:
    """Return mode and content of every file below `root`, git's own left out."""
    paths = (path for path in root.rglob("*") if path.is_file() and ".git" not in path.relative_to(root).parts)
    return {str(path.relative_to(root)): (path.stat().st_mode, path.read_bytes()) for path in paths}


def checked_out(root: Path) -> tuple[bytes, bytes, dict[str, tuple[int, bytes]]]:
    """Return HEAD, index and working files of the working tree `root`, byte by byte."""
    own = root / git(root, "rev-parse", "--git-dir")
    return (own / "HEAD").read_bytes(), (own / "index").read_bytes(), working_files(root)


def refs(root: Path) -> str:
    return git(root, "for-each-ref")


def status(root: Path) -> str:
    return git(root, "status", "--porcelain")
