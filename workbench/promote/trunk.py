"""`TrunkWriter`: the one way by which main moves, here and at the remote."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, TypeVar

from workbench.errors import BranchMoved, PromotionError
from workbench.git import Publisher, writer_lock
from workbench.promote.identities import allowed_signers, unproven
from workbench.registry import Registry
from workbench.store import main_config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from workbench.workspace import Workspace

ATTEMPTS = 30
"""How often a change is made again on main's new tip where others come first."""

PATIENCE = 60.0
"""Seconds to stand in line: others may be computing."""

Result = TypeVar("Result")


class TrunkWriter:
    """Main, to be written by compare-and-swap. With a remote, what counts is the remote's main.

    Parameters
    ----------
    workspace
        The project's workspace.
    """

    def __init__(self, workspace: Workspace, publisher: Publisher) -> None:
        self.workspace = workspace
        self.publisher = publisher
        self.remote = workspace.repository.remote()
        self._has_moved = False

    @classmethod
    @contextmanager
    def open(cls, workspace: Workspace, *, catches_up: bool = True) -> Iterator[TrunkWriter]:
        """Open main for writing, as far as the remote has it unless told otherwise; then the online store follows."""
        repository = workspace.repository
        publisher = Publisher.open(workspace.root, recover=False, signs=repository.signs, hooks=repository.hooks)
        try:
            line = cls(workspace, publisher)
            if catches_up:
                line.catch_up()
            yield line
            if workspace.config.online is not None:
                from workbench.online import follow_main

                follow_main(workspace)
            if line._has_moved:
                publisher.pack()
        finally:
            publisher.close()

    def catch_up(self) -> None:
        """Bring the local main up to the remote's, where there is one."""
        if self.remote is not None:
            self.remote.fetch(self.workspace.trunk)
            self.publisher.follow_remote(self.workspace.trunk)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep others of this repository from publishing, or collecting garbage, at the same time.

        A courtesy that saves work: what keeps publishes apart is the compare-and-swap.
        """
        from filelock import FileLock, Timeout

        folder = self.workspace.repository.git_dir / "workbench"
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
        return Registry.at(self.workspace.repository, self.workspace.trunk)

    def commit(
        self,
        tree: str,
        *,
        expected: str,
        message: str,
        trailers: Sequence[tuple[str, str]],
        second: str | None = None,
    ) -> str:
        """Make `tree` main's next commit if main is still at `expected`, and return the commit.

        Where policy demands signatures, the commit is signed with a key that main lists for its author.
        """
        policy = main_config(self.workspace, expected).policy
        repository = self.workspace.repository

        def confirm(commit: str) -> None:
            listed = allowed_signers(repository, policy, expected)
            author = repository.show(commit).author
            why = unproven(repository.signature_of(commit, allowed_signers=listed), author)
            if why:
                raise PromotionError(
                    f"The commit for {self.workspace.trunk} by {author} {why}.",
                    remedy=f"Sign with a key that {policy.allowed_signers} on {self.workspace.trunk} lists for you.",
                )

        commit = self.publisher.commit(
            self.workspace.trunk,
            tree,
            expected=expected,
            parents=(expected, *([second] if second else [])),
            message=message,
            trailers=trailers,
            sign=policy.require_signed,
            confirm=confirm if policy.require_signed else None,
            remote=self.remote,
        )
        self._has_moved = True
        return commit


def in_line(line: TrunkWriter, step: Callable[[], Result]) -> Result:
    """Return what `step` returns, made again on main's new tip where others come first."""
    with ExitStack() as turn:
        for attempt in range(ATTEMPTS):
            try:
                return step()
            except BranchMoved:
                if not attempt:  # among equals luck alone would fail some writer in the end
                    turn.enter_context(writer_lock(line.workspace.repository.git_dir, patience=PATIENCE))
                line.catch_up()
    raise PromotionError(
        f"{line.workspace.trunk} moved in each of {ATTEMPTS} attempts: other commits came first.",
        remedy="Nothing was published. Run the same command again later.",
    )


def commit_of(registry: Registry) -> str:
    """Return the commit that a registry was read at."""
    if registry.commit is None:
        raise PromotionError("Branch main does not have commits.", remedy="Promote something first.")
    return registry.commit
