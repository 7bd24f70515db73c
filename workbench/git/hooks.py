"""A team's pre-commit and commit-msg hooks, run on commits that are made without a checkout.

A hook looks at what is staged, in a working tree whose HEAD is the commit before. It gets one of its own: a git
directory that shares everything with the repository but HEAD and index, and is listed nowhere. GitPython runs hooks on
an index that it wrote itself, which is SHA-1, and without a limit of time.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import BranchError
from workbench.git.command import (
    GIT,
    NEVER_ASK,
    REPOSITORY_VARIABLES,
    Git,
    GitFailed,
    explain_failure,
    run_in_own_session,
    strip_terminal_codes,
)
from workbench.git.history import parse_trailers

if TYPE_CHECKING:
    from collections.abc import Mapping

PATIENCE = 600.0
"""Seconds for a hook: some build an environment when they run for the first time."""

LINES = 15
"""How much of what a hook says is shown: its end."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """The hooks of one repository.

    Attributes
    ----------
    git, git_dir, top, below
        The repository, its shared git directory, the working tree that the project is in, and where in it.
    """

    git: Git
    git_dir: Path
    top: Path
    below: tuple[str, ...]

    def run(self, tree: str, message: str, *, branch: str, parent: str | None) -> str:
        """Return the message as the hooks leave it of a commit of `tree`; nothing in the repository changes."""
        folder = self._folder()
        if not _is_there(folder / "pre-commit"):
            raise BranchError(
                f"[git] hooks = true in workbench.toml, and there is no pre-commit hook in {folder}.",
                remedy="Install your team's (`pre-commit install`, or core.hooksPath); nothing was committed.",
            )
        with tempfile.TemporaryDirectory(prefix="workbench-commit-") as name:
            place = _HookWorktree(self, Path(name))
            place.check_out(tree, branch=branch, parent=parent)
            place.run("pre-commit", folder)
            if place.tree() != tree:
                raise BranchError(
                    "The pre-commit hook changed what is to be committed.",
                    lines=[f"  {path}" for path in place.changed(tree)[:LINES]],
                    remedy="Make that change in the cell or the file itself, and run it again; nothing was committed.",
                )
            return place.message(message, folder) if _is_there(folder / "commit-msg") else message

    def _folder(self) -> Path:
        """Return the folder of the hooks as the user has it configured; our own commands switch them off."""
        try:
            said = self.git.run("config", "--show-scope", "--type=path", "-z", "--get-all", "core.hooksPath")
        except GitFailed:
            said = ""
        words = said.split("\0")[:-1]
        own = [path for scope, path in zip(words[0::2], words[1::2], strict=False) if scope != "command"]
        return self.top / own[-1] if own else self.git_dir / "hooks"


class _HookWorktree:
    """A working tree with a HEAD and an index of its own."""

    def __init__(self, hooks: Hooks, folder: Path) -> None:
        self._hooks = hooks
        self._own = folder / "git"
        self._folder = folder / "tree"
        self._git = Git(self._folder)
        self._variables = {"GIT_DIR": str(self._own), "GIT_WORK_TREE": str(self._folder)}

    def check_out(self, tree: str, *, branch: str, parent: str | None) -> None:
        """Write the files of `tree` and stage them on `parent`."""
        hooks = self._hooks
        for folder in (self._own / "info", self._folder):
            folder.mkdir(parents=True)
        is_tip = (
            parent is None or hooks.git.run("for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}").strip()
        )
        head = f"ref: refs/heads/{branch}" if is_tip in {parent, True} else parent
        (self._own / "HEAD").write_text(f"{head}\n", encoding="utf-8")
        (self._own / "commondir").write_text(f"{hooks.git_dir}\n", encoding="utf-8")
        (self._folder / ".git").write_text(f"gitdir: {self._own}\n", encoding="utf-8")
        sparse: tuple[str, ...] = ("-c", "core.sparseCheckout=false")
        if hooks.below:  # a project in a large repository: its own folder, and the files above it
            parts = [hooks.below[:depth] for depth in range(1, len(hooks.below))]
            lines = ["/*", "!/*/", *(f"/{'/'.join(part)}/*\n!/{'/'.join(part)}/*/" for part in parts)]
            lines.append(f"/{'/'.join(hooks.below)}/")
            (self._own / "info" / "sparse-checkout").write_text("\n".join([*lines, ""]), encoding="utf-8")
            sparse = ("-c", "core.sparseCheckout=true", "-c", "core.sparseCheckoutCone=false")
        try:
            self._git.run(
                *sparse, "-c", "core.splitIndex=false", "read-tree", "-m", "-u", tree, variables=self._variables
            )
        except GitFailed as failure:
            raise explain_failure(failure, "checking out files for the hooks") from None

    def tree(self) -> str:
        """Return the tree that is staged now."""
        return self._git.run("write-tree", variables=self._variables).strip()

    def changed(self, tree: str) -> list[str]:
        """Return the paths that are staged otherwise than `tree` has them."""
        return self._git.run("diff-index", "--cached", "--name-only", "-z", tree, variables=self._variables).split(
            "\0"
        )[:-1]

    def message(self, message: str, folder: Path) -> str:
        """Return the message as the hook commit-msg leaves it."""
        file = self._own / "COMMIT_EDITMSG"
        file.write_text(message, encoding="utf-8")
        self.run("commit-msg", folder, str(file))
        changed = file.read_text(encoding="utf-8", errors="replace").strip() + "\n"
        if not set(parse_trailers(message)) <= set(parse_trailers(changed)):
            raise BranchError(
                "The commit-msg hook took away trailers by which the commit is found again.",
                remedy="Let it add to the last paragraph, or leave it as it is; nothing was committed.",
            )
        return changed

    def run(self, name: str, folder: Path, *arguments: str) -> None:
        """Run one hook as git does."""
        command = [*_WITHOUT_OURS, "-c", f"core.hooksPath={folder}", "hook", "run", name, "--", *arguments]
        try:
            done = run_in_own_session(command, folder=self._folder, environment=self._environment(), timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            raise BranchError(
                f"The {name} hook did not end in {PATIENCE:.0f} seconds.", remedy="Nothing was committed."
            ) from None
        except OSError as error:
            raise self._git.start_error(error) from None
        if done.returncode:
            said = strip_terminal_codes((done.stdout + done.stderr).decode("utf-8", "replace")).splitlines()
            raise BranchError(
                f"The {name} hook refused the commit.",
                lines=[f"  {line}" for line in said[-LINES:]],
                remedy="Do what it says, then run the same command again; nothing was committed.",
            )

    def _environment(self) -> Mapping[str, str]:
        own = {name: value for name, value in os.environ.items() if name not in REPOSITORY_VARIABLES}
        return {**own, **NEVER_ASK, "GIT_INDEX_FILE": str(self._own / "index"), "GIT_EDITOR": ":"}


_WITHOUT_OURS = (GIT[0], "--no-pager")


def _is_there(hook: Path) -> bool:
    return hook.is_file() and os.access(hook, os.X_OK)
