"""Main's definition as an earlier version had it, so that what serves and what main says are one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.define import SourceCodes, code_hash, files_of, load_tree
from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from workbench.loop.rooms import Rooms
    from workbench.registry import Version


def restored(rooms: Rooms, main: str, view: str, version: Version) -> tuple[dict[str, str], list[str]]:
    """Return the texts of files, by path, with which main defines `view` as `version` was computed, and what to say.

    The view's own file alone is restored: a helper that others share stays as it is, and then main's definition is not
    the version's, which is said. The version serves all the same.
    """
    repository = rooms.repository
    path = f"{view}.py"
    try:
        old = {name: repository.read_blob(blob) for name, blob in repository.folder(version.features).items()}
        changes = {f"features/{path}": old[path].decode()}
        tree = repository.tree_with(main, changes)
        definitions = load_tree(repository, tree, cache=rooms.hidden)
        found = code_hash(definitions.view(view), sources=SourceCodes()).code_hash
    except (WorkbenchError, KeyError) as error:
        said = error.message if isinstance(error, WorkbenchError) else f"{error} is not there"
        return {}, [f"Main's definition stays as it is: that of {version.number} cannot be restored ({said})."]
    if found == version.code_hash:
        return changes, []
    helpers = ", ".join(f"features/{name}" for name in files_of(path, old) if name != path) or "what it imports"
    said = (
        f"Main's definition of {view} is not quite that of {version.number}: {helpers} changed since. The version "
        "serves as it was; `materialize` leaves it alone until a definition is promoted."
    )
    return changes, [said]
