"""Reading and editing git trees in the object database, without an index."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from workbench.branches.git import Git

FILE, FOLDER = 0o100644, 0o040000


def entries(git: Git, tree: str) -> dict[str, tuple[int, str]]:
    """Return mode and object id of each entry of `tree`, by name."""
    data, found, at = git.read(tree)[1], {}, 0
    while at < len(data):
        space = data.index(b" ", at)
        end = data.index(b"\0", space)
        name = data[space + 1 : end].decode("utf-8", "surrogateescape")
        found[name] = (int(data[at:space], 8), data[end + 1 : end + 21].hex())
        at = end + 21
    return found


def write(git: Git, members: Mapping[str, tuple[int, str]]) -> str:
    """Write a tree and return its id. Git sorts folders as if their names ended in a slash."""
    ordered = sorted(
        ((name + ("/" if stat.S_ISDIR(mode) else "")).encode("utf-8", "surrogateescape"), name, mode, object_id)
        for name, (mode, object_id) in members.items()
    )
    parts = [
        f"{mode:o} ".encode() + name.encode("utf-8", "surrogateescape") + b"\0" + bytes.fromhex(object_id)
        for _, name, mode, object_id in ordered
    ]
    return git.store("tree", b"".join(parts))


def edited(git: Git, tree: str | None, changes: Mapping[tuple[str, ...], bytes | None]) -> str | None:
    """Return the id of `tree` with files written, or deleted where the content is `None`; `None` if empty."""
    members = entries(git, tree) if tree else {}
    below: dict[str, dict[tuple[str, ...], bytes | None]] = {}
    for (name, *rest), content in changes.items():
        if rest:
            below.setdefault(name, {})[tuple(rest)] = content
        elif content is None:
            members.pop(name, None)
        else:
            mode = members.get(name, (FILE, ""))[0]
            members[name] = (mode if stat.S_ISREG(mode) else FILE, git.store("blob", content))
    for name, inner in below.items():
        mode, child = members.get(name, (FOLDER, None))
        changed = edited(git, child if stat.S_ISDIR(mode) else None, inner)
        if changed is None:
            members.pop(name, None)
        else:
            members[name] = (FOLDER, changed)
    return write(git, members) if members else None


def find(git: Git, tree: str, path: tuple[str, ...]) -> tuple[int, str] | None:
    """Return mode and id of what is at `path` in `tree`, or `None`."""
    mode, object_id = FOLDER, tree
    for name in path:
        if not stat.S_ISDIR(mode):
            return None
        found = entries(git, object_id).get(name)
        if found is None:
            return None
        mode, object_id = found
    return mode, object_id


def walk(git: Git, tree: str, under: str = "") -> Iterator[tuple[str, str]]:
    """Yield path and blob id of every regular file below `tree`."""
    for name, (mode, object_id) in entries(git, tree).items():
        if stat.S_ISDIR(mode):
            yield from walk(git, object_id, f"{under}{name}/")
        elif stat.S_ISREG(mode):
            yield f"{under}{name}", object_id
