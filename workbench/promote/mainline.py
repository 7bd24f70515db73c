"""`Mainline`: the one way by which main moves, here and at the remote."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, TypeVar

from workbench.branches import Publisher
from workbench.branches.turns import in_turn
from workbench.errors import BranchMoved, PromotionError
from workbench.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from workbench.loop.rooms import Rooms

ATTEMPTS = 30
"""How often a change is made again on main's new tip where others come first."""

PATIENCE = 60.0
"""Seconds to stand in line: others may be computing."""

Result = TypeVar("Result")


class Mainline:
    """Main, to be written by compare-and-swap. With a remote, what counts is the remote's main.

    Parameters
    ----------
    rooms
        The project's rooms.
    """

    def __init__(self, rooms: Rooms, publisher: Publisher) -> None:
        self.rooms = rooms
        self.publisher = publisher
        self.remote = rooms.repository.remote()

    @classmethod
    @contextmanager
    def open(cls, rooms: Rooms) -> Iterator[Mainline]:
        """Open main for writing, as far as the remote has it."""
        publisher = Publisher.open(rooms.root)
        try:
            line = cls(rooms, publisher)
            line.catch_up()
            yield line
        finally:
            publisher.close()

    def catch_up(self) -> None:
        """Bring the local main up to the remote's, where there is one."""
        if self.remote is not None:
            self.remote.fetch(self.rooms.trunk)
            self.publisher.follow_remote(self.rooms.trunk)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep others of this repository from publishing, or collecting garbage, at the same time.

        A courtesy that saves work: what keeps publishes apart is the compare-and-swap.
        """
        from filelock import FileLock, Timeout

        folder = self.rooms.repository.git_dir / "workbench"
        lock = FileLock(folder / "publishing.lock", timeout=PATIENCE)
        try:
            folder.mkdir(exist_ok=True)
            lock.acquire()
        except (Timeout, OSError):
            yield
            return
        try:
            yield
        finally:
            lock.release()

    def registry(self) -> Registry:
        """Return what is published now."""
        return Registry.at(self.rooms.repository, self.rooms.trunk)

    def commit(
        self,
        tree: str,
        *,
        expected: str,
        message: str,
        trailers: Sequence[tuple[str, str]],
        second: str | None = None,
        sign: bool = False,
    ) -> str:
        """Make `tree` main's next commit if main is still at `expected`, and return the commit.

        Raises
        ------
        BranchMoved
            Where somebody else came first, here or at the remote. Nothing was published.
        """
        return self.publisher.commit(
            self.rooms.trunk,
            tree,
            expected=expected,
            parents=(expected, *([second] if second else [])),
            message=message,
            trailers=trailers,
            sign=sign,
            remote=self.remote,
        )


def in_line(line: Mainline, step: Callable[[], Result]) -> Result:
    """Return what `step` returns, made again on main's new tip where others come first.

    Raises
    ------
    PromotionError
        Where others came first every time.
    """
    with ExitStack() as turn:
        for attempt in range(ATTEMPTS):
            try:
                return step()
            except BranchMoved:
                if not attempt:  # among equals luck alone would fail some writer in the end
                    turn.enter_context(in_turn(line.rooms.repository.git_dir, patience=PATIENCE))
                line.catch_up()
    raise PromotionError(
        f"{line.rooms.trunk} kept moving: others came first {ATTEMPTS} times.",
        remedy="Run the same command again when there is less traffic. Nothing was published.",
    )
