"""`Watches`: what changed in a project, by the marks of its files; whoever changed it, a kernel, a command or git."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.config import CONFIG_FILE
from workbench.errors import WorkbenchError
from workbench.files import stamp, stamps
from workbench.lab.answers import Change, Changed

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from workbench.project import Project

EVERY = 1.0
"""Seconds between two looks at the files of a project that somebody watches; a look takes some milliseconds."""
LOG = logging.getLogger(__name__)
_KINDS: Mapping[str, tuple[Changed, ...]] = {
    "refs": ("branches", "features", "catalog", "runs"),
    "settings": ("branches", "features", "catalog", "runs"),
    "chosen": ("branches", "features", "runs"),
    "files": ("branches", "features"),
    "computed": ("features",),
    "runs": ("runs",),
    "training sets": ("catalog",),
}
"""What may be answered otherwise after a mark is another one."""


@dataclass(slots=True)
class Watch:
    """The marks of one project's files."""

    project: Project
    _seen: dict[str, object] = field(default_factory=dict)

    def look(self) -> list[Changed]:
        """Return what changed since the last look; nothing the first time."""
        marks = self._marks()
        moved = [name for name, mark in marks.items() if name in self._seen and self._seen[name] != mark]
        self._seen = marks
        return list(dict.fromkeys(kind for name in moved for kind in _KINDS[name]))

    def _marks(self) -> dict[str, object]:
        from workbench.project import workspace_of

        root = self.project.root
        marks: dict[str, object] = {"settings": stamp(root / CONFIG_FILE), "files": stamps(root / "features")}
        with suppress(WorkbenchError):  # workbench.toml is wrong just now: its mark says when it is no longer
            workspace = workspace_of(self.project)
            marks["refs"] = workspace.repository.mark()
            marks["computed"] = workspace.journal.mark()
            marks["runs"] = workspace.tracker.mark()
            marks["chosen"] = stamp(workspace.hidden / "branch"), stamps(workspace.hidden / "kernels")
            marks["training sets"] = stamps(workspace.home / "training-sets")
        return {**self._seen, **marks}


@dataclass(slots=True)
class Watches:
    """The projects that somebody watches: each is looked at by one task, which ends with the last who watches.

    Parameters
    ----------
    pool
        The threads that look.
    """

    pool: Executor
    _queues: dict[Path, set[asyncio.Queue[list[Changed]]]] = field(default_factory=dict)
    _tasks: dict[Path, asyncio.Task[None]] = field(default_factory=dict)

    async def follow(self, root: Path, open_project: Callable[[Path], Project]) -> AsyncGenerator[Change, None]:
        """Yield what changes in the project at `root` from now on; first that nothing did, as soon as it is watched."""
        queue: asyncio.Queue[list[Changed]] = asyncio.Queue()
        watching = self._queues.setdefault(root, set())
        watching.add(queue)
        if root not in self._tasks:
            self._tasks[root] = asyncio.get_running_loop().create_task(self._watch(root, open_project))
        else:
            queue.put_nowait([])
        try:
            while True:
                yield Change(changed=await queue.get())
        finally:
            watching.discard(queue)
            if not watching and (task := self._tasks.pop(root, None)) is not None:
                task.cancel()

    async def _watch(self, root: Path, open_project: Callable[[Path], Project]) -> None:
        loop = asyncio.get_running_loop()
        watch = Watch(await loop.run_in_executor(self.pool, open_project, root))
        try:
            await self._look(watch)
            self._tell(root, [])
            while True:
                await asyncio.sleep(EVERY)
                if changed := await self._look(watch):
                    self._tell(root, changed)
        finally:
            watch.project.close()

    async def _look(self, watch: Watch) -> list[Changed]:
        loop: Any = asyncio.get_running_loop()
        try:
            found: list[Changed] = await loop.run_in_executor(self.pool, watch.look)
        except Exception:
            LOG.debug("a look at %s failed", watch.project.root, exc_info=True)
            return []
        return found

    def _tell(self, root: Path, changed: list[Changed]) -> None:
        for queue in self._queues.get(root, ()):
            queue.put_nowait(changed)
