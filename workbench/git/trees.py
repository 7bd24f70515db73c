"""Reading and editing git trees in the object database, without an index."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from workbench.errors import BranchError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from workbench.git.objects import Objects

FILE, FOLDER, SUBMODULE = 0o100644, 0o040000, 0o160000
Changes = dict[tuple[str, ...], bytes | None]


def entries(objects: Objects, tree: str) -> dict[str, tuple[int, str]]:
    """Return mode and object id of each entry of `tree`, by name."""
    data, found, at, width = objects.read(tree)[1], {}, 0, len(tree) // 2
    while at < len(data):
        space = data.index(b" ", at)
        end = data.index(b"\0", space) + 1
        name = data[space + 1 : end - 1].decode("utf-8", "surrogateescape")
        found[name] = (int(data[at:space], 8), data[end : end + width].hex())
        at = end + width
    return found


def is_file(mode: int) -> bool:
    """Whether an entry of this mode is a regular file."""
    return stat.S_ISREG(mode)


def write(objects: Objects, members: Mapping[str, tuple[int, str]]) -> str:
    """Write a tree and return its id. Git sorts folders as if their names ended in a slash."""
    named = [(name.encode("utf-8", "surrogateescape"), *member) for name, member in members.items()]
    ordered = sorted(named, key=lambda entry: entry[0] + (b"/" if stat.S_ISDIR(entry[1]) else b""))
    parts = [b"%o %s\0%s" % (mode, name, bytes.fromhex(object_id)) for name, mode, object_id in ordered]
    return objects.store("tree", b"".join(parts))


def edited(objects: Objects, tree: str | None, changes: Changes, above: str = "") -> str | None:
    """Return the id of `tree` with files written, or deleted where the content is `None`; `None` if empty.

    Raises
    ------
    BranchError
        Where a file would take a folder's place, or the other way round.
    """
    members = entries(objects, tree) if tree else {}
    below: dict[str, Changes] = {}
    for (name, *rest), content in changes.items():
        if rest:
            below.setdefault(name, {})[tuple(rest)] = content
        elif members.get(name, (FILE, ""))[0] in (FOLDER, SUBMODULE):
            raise _in_the_way(f"{above}{name}", is_folder=True)
        elif content is None:
            members.pop(name, None)
        else:
            mode = members.get(name, (FILE, ""))[0]
            members[name] = (mode if stat.S_ISREG(mode) else FILE, objects.store("blob", content))
    for name, inner in below.items():
        mode, child = members.get(name, (FOLDER, None))
        if not stat.S_ISDIR(mode):
            if any(content is not None for content in inner.values()):
                raise _in_the_way(f"{above}{name}", is_folder=False)
            continue  # nothing below a file to delete
        changed = edited(objects, child, inner, f"{above}{name}/")
        if changed is None:
            members.pop(name, None)
        else:
            members[name] = (FOLDER, changed)
    return write(objects, members) if members else None


def _in_the_way(path: str, *, is_folder: bool) -> BranchError:
    what, other = ("folder", "file") if is_folder else ("file", "folder")
    return BranchError(
        f"{path} is a {what} on this branch, so there cannot be a {other} of that name.",
        remedy=f"Choose another name, or move the {what} first. Nothing was changed.",
    )


def find(objects: Objects, tree: str, path: tuple[str, ...]) -> tuple[int, str] | None:
    """Return mode and id of what is at `path` in `tree`, or `None`."""
    mode, object_id = FOLDER, tree
    for name in path:
        if not stat.S_ISDIR(mode):
            return None
        found = entries(objects, object_id).get(name)
        if found is None:
            return None
        mode, object_id = found
    return mode, object_id


def walk(objects: Objects, tree: str, under: str = "") -> Iterator[tuple[str, str]]:
    """Yield path and blob id of every regular file below `tree`."""
    for name, (mode, object_id) in entries(objects, tree).items():
        if stat.S_ISDIR(mode):
            yield from walk(objects, object_id, f"{under}{name}/")
        elif stat.S_ISREG(mode):
            yield f"{under}{name}", object_id
