"""`Publishing`: what a project's handle can do to what is published; the other half of `Project`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

    from workbench.compute import Progress
    from workbench.loop.rooms import Rooms
    from workbench.promote import (
        ApprovalReport,
        Garbage,
        Materialized,
        PromotionReport,
        Release,
        ReleaseList,
        Standing,
    )


class Publishing:
    """The verbs by which main, the lake and the registry change; nothing else of a project writes them."""

    @property
    def _rooms(self) -> Rooms:
        raise NotImplementedError

    def _existing(self, branch: str | None) -> str | None:
        raise NotImplementedError

    def promote(
        self,
        views: str | Sequence[str] = (),
        *,
        branch: str | None = None,
        dry_run: bool = False,
        accept: Mapping[str, str] | Sequence[str] = (),
        with_downstream: bool = False,
        message: str | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> PromotionReport:
        """Publish views and feature sets of an experiment: plan, gates, then one commit on main.

        Parameters
        ----------
        views
            Their names; all that the branch changed if empty.
        branch
            The experiment's branch; this handle's if absent.
        dry_run
            Return and save the plan with the result of every gate, and publish nothing.
        accept
            What is accepted although it drifts, by name (``view`` or ``view:feature``), each with its reason.
        with_downstream
            Publish the views that read what changes with it.
        message
            The commit's subject.
        progress
            Called while a view is computed.

        Returns
        -------
        PromotionReport
            The plan, what every gate said, and the commit on main.

        Raises
        ------
        PromotionRefused
            Where a gate fails; its ``report`` says which. Nothing is published.
        PromotionError
            Where there is nothing to promote.
        """
        from workbench.promote import promote

        names = (views,) if isinstance(views, str) else tuple(views)
        reasons = dict(accept) if isinstance(accept, Mapping) else dict.fromkeys(accept, "")
        return promote(
            self._rooms,
            names,
            branch=self._existing(branch) or "HEAD",
            dry_run=dry_run,
            accept=reasons,
            with_downstream=with_downstream,
            message=message,
            progress=progress,
        )

    def execute(
        self,
        plan: str | os.PathLike[str],
        *,
        message: str | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> PromotionReport:
        """Publish what a plan says that ``promote(dry_run=True)`` saved, if nothing moved since.

        Raises
        ------
        PlanOutdated
            Where main, the branch or a source's data moved.
        PromotionRefused
            Where a gate fails now.
        """
        from workbench.promote import execute

        return execute(self._rooms, Path(plan), message=message, progress=progress)

    def approve(
        self, views: str | Sequence[str] = (), *, branch: str | None = None, note: str | None = None
    ) -> ApprovalReport:
        """Agree to the promotion of a branch as it stands; signed where git knows a key. A new commit asks anew.

        Parameters
        ----------
        views
            What is agreed to; all that the branch changed if empty.
        branch
            The experiment's branch; this handle's if absent.
        note
            What was looked at.
        """
        from workbench.promote import approve

        names = (views,) if isinstance(views, str) else tuple(views)
        return approve(self._rooms, self._existing(branch) or "HEAD", names, note=note or "")

    def rollback(self, view: str, to: str) -> Standing:
        """Let readers of `view` have version `to` again, at once: nothing is computed and no data is moved.

        Raises
        ------
        FeatureNotFound
            Where there is no such version, or it is retired.
        PromotionRefused
            Where policy does not let you.
        """
        from workbench.promote import rollback

        return rollback(self._rooms, view, to)

    def deprecate(self, ref: str, until: date | str | None = None) -> Standing:
        """Announce the end of a major version; its readers are warned of the date and told what to read instead.

        Parameters
        ----------
        ref
            ``view@major``; ``view`` for the version that serves.
        until
            The last day; the earliest that policy allows if absent; ``"never"`` takes it back.
        """
        from workbench.promote import deprecate

        return deprecate(self._rooms, ref, until)

    def retire(self, ref: str) -> Standing:
        """Stop serving a deprecated version whose last day is over and that nothing pins."""
        from workbench.promote import retire

        return retire(self._rooms, ref)

    def cut_release(self, name: str) -> Release:
        """Pin what is published now under `name`, by a tag on main; ``training_set(release=name)`` reads it."""
        from workbench.promote import cut

        return cut(self._rooms, name)

    def drop_release(self, name: str) -> ReleaseList:
        """Take a release away; the versions that it pinned stay published."""
        from workbench.promote import drop

        return drop(self._rooms, name)

    def releases(self) -> ReleaseList:
        """Return all releases, newest first."""
        from workbench.promote import ReleaseList, releases

        return ReleaseList(releases(self._rooms))

    def materialize(
        self,
        views: str | Sequence[str] | None = None,
        *,
        full: bool = False,
        progress: Callable[[Progress], None] | None = None,
    ) -> Materialized:
        """Bring published views up to date with new source data: only the entities and periods that it touches.

        Parameters
        ----------
        views
            Their names; all that are published if absent.
        full
            Compute everything again.
        progress
            Called while a view is computed.
        """
        from workbench.promote import materialize

        names = (views,) if isinstance(views, str) else None if views is None else tuple(views)
        return materialize(self._rooms, names, full=full, progress=progress)

    def gc(self, *, delete: bool = False) -> Garbage:
        """Return what nobody can reach any more; with `delete`, remove it."""
        from workbench.promote import collect_garbage

        return collect_garbage(self._rooms, delete=delete)
