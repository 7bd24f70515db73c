"""What to say, and to do, where git cannot read an object or a branch: damage, or a copy that holds less."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import RepositoryUnreadable
from workbench.git.command import GitFailed, is_full_id

if TYPE_CHECKING:
    from workbench.git.command import Git

NEWEST = 20
"""How many former tips of a branch are tried."""


def is_shallow(git: Git) -> bool:
    """Whether this is a shallow copy, whose history ends somewhere."""
    try:
        return git.run("rev-parse", "--is-shallow-repository").strip() == "true"
    except GitFailed:
        return False


def unreadable_object(git: Git, object_id: str) -> RepositoryUnreadable:
    """Return the error for an object that git cannot read, with what can bring it back."""
    if is_shallow(git):
        return RepositoryUnreadable(
            f"The repository does not hold object {object_id[:10]}: it is a shallow copy.",
            remedy="Run `git fetch --unshallow`, then the same command again.",
        )
    damaged = _loose(git, object_id)
    found = f"the file {damaged} is damaged" if damaged else "it is missing"
    first = f"rm -f {damaged}; " if damaged else ""
    if damaged and not damaged.stat().st_size:  # a power cut leaves many
        first = f"find {damaged.parents[1]} -type f -empty -delete; "
    remote = usual_remote(git)
    if remote is None:
        remedy = "Bring the repository back from a copy of it; `git fsck --full` lists all that is missing."
    else:
        remedy = f"Run `{first}git fetch --refetch {remote}`, then the same command again; `git fsck` lists the rest."
    return RepositoryUnreadable(f"Git cannot read object {object_id[:10]}: {found}.", remedy=remedy)


def unreadable_branch(git: Git, branch: str, tip: str) -> RepositoryUnreadable:
    """Return the error for a branch whose newest commit git cannot read."""
    error = unreadable_object(git, tip)
    return RepositoryUnreadable(
        f"Branch {branch!r} is at a commit that git cannot read. {error.message}", remedy=error.remedy
    )


def refuse_broken(git: Git, git_dir: Path, branch: str) -> None:
    """Do nothing where there is no branch of that name, not even a broken one."""
    ref = f"refs/heads/{branch}"
    file = git_dir / ref
    try:
        if ".." in branch or not file.is_file() or file.read_bytes().startswith(b"ref:"):
            return
    except (OSError, ValueError):
        return
    for former in (*_reflog_tips(git_dir, ref), *_tracking_tips(git, branch)):
        if _is_commit(git, former):
            raise RepositoryUnreadable(
                f"Branch {branch!r} is damaged: the file {file} does not hold a commit's id.",
                remedy=f"Its newest commit that can be read is {former[:10]}. To go on from it: "
                f"`rm {file} && git update-ref {ref} {former}`.",
            )
    raise RepositoryUnreadable(
        f"Branch {branch!r} is damaged: the file {file} does not hold a commit's id.",
        remedy=f"Find its newest commit (`git fsck --lost-found`, or a copy), then: `rm {file} && git update-ref {ref} "
        "<commit>`.",
    )


def _loose(git: Git, object_id: str) -> Path | None:
    with suppress(GitFailed):
        place = f"objects/{object_id[:2]}/{object_id[2:]}"
        file = Path(git.run("rev-parse", "--path-format=absolute", "--git-path", place).rstrip("\n"))
        return file if file.is_file() else None
    return None


def usual_remote(git: Git) -> str | None:
    """Return the remote that most projects have, else any."""
    with suppress(GitFailed):
        remotes = git.run("remote").splitlines()
        return "origin" if "origin" in remotes else next(iter(remotes), None)
    return None


def _reflog_tips(git_dir: Path, ref: str) -> list[str]:
    """Return where a branch was, newest first, as its reflog tells."""
    try:
        lines = (git_dir / "logs" / ref).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    ids = (line.split(" ", 2)[1] for line in reversed(lines[-NEWEST:]) if line.count(" ") >= 2)
    return [each for each in ids if is_full_id(each) and each.strip("0")]


def _tracking_tips(git: Git, branch: str) -> list[str]:
    with suppress(GitFailed):
        return git.run("for-each-ref", "--format=%(objectname)", f"refs/remotes/*/{branch}").splitlines()
    return []


def _is_commit(git: Git, object_id: str) -> bool:
    try:
        return git.run("cat-file", "-t", object_id).strip() == "commit" and bool(git.run("cat-file", "-p", object_id))
    except GitFailed:
        return False
