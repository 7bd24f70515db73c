"""What a cell, a verb or `project.define` returns: one computed view."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from workbench.render import Card, Mark, Plain, Report, Table, card_html, card_text, format_elapsed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.checks import Check
    from workbench.profile import Profile
    from workbench.tracking import Ticket

NOTHING = "This branch does not have feature views yet: write one in a %%feature cell."


@dataclass(frozen=True, slots=True, repr=False)
class ViewResult:
    """A view that was computed or reused, with its checks and its MLflow run.

    Attributes
    ----------
    view, branch, commit, view_id
        Which definition, where, at which commit, and the address of its data.
    reused
        Whether the data was there already.
    rows, seconds
        Rows of the view; seconds spent computing it (0 where reused).
    checks
        What was checked, each with ``name, passed, detail, failures``.
    profile
        The view's numbers: nulls, quantiles, histograms of each feature.
    namespace
        What the cell defined, by name.
    """

    view: str
    branch: str
    commit: str
    view_id: str
    reused: bool
    rows: int
    seconds: float
    checks: tuple[Check, ...]
    profile: Profile
    card: Card
    namespace: Mapping[str, Any] = field(default_factory=dict)
    ticket: Ticket | None = None

    @property
    def passed(self) -> bool:
        """Whether no check failed; one that was not checked is in `not_checked`."""
        return not any(check.failed for check in self.checks)

    @property
    def failed(self) -> tuple[str, ...]:
        """What each failed check says, after its name."""
        return tuple(f"{check.name}: {check.detail}" for check in self.checks if check.failed)

    @property
    def not_checked(self) -> tuple[str, ...]:
        """Why each check that could not look was not checked, after its name."""
        return tuple(f"{check.name}: {check.detail}" for check in self.checks if not check.checked)

    @property
    def run_id(self) -> str | None:
        """The id of the MLflow run; waits up to a minute while it is being sent, then `None`."""
        return None if self.ticket is None else self.ticket.run_id(timeout=60)

    def with_run(self, run_id: str | None) -> ViewResult:
        """Return the result with `run_id` on its card, where it is known."""
        return self if run_id is None else replace(self, card=replace(self.card, run=run_id))

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-ready values; ``run_id`` is null while the run is still on its way."""
        return {
            "view": self.view,
            "branch": self.branch,
            "commit": self.commit,
            "view_id": self.view_id,
            "reused": self.reused,
            "rows": self.rows,
            "seconds": round(self.seconds, 6),
            "passed": self.passed,
            "checks": [check.to_dict() for check in self.checks],
            "profile": self.profile.to_dict(),
            "warnings": list(self.card.warnings),
            "run_id": None if self.ticket is None else self.ticket.poll().run_id,
        }

    def __repr__(self) -> str:
        how = "reused" if self.reused else f"computed in {format_elapsed(self.seconds)}"
        return f"<ViewResult {self.view} on {self.branch}: {self.rows:,} rows, {how}, {self.card.verdict}>"

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        from workbench.render import mime_bundle, render_text

        title = f"{self.view}: {self.card.verdict}"
        return mime_bundle("card", title, html=card_html(self.card), text=render_text(card_text(self.card)))

    def __rich__(self) -> Any:
        return card_text(self.card)


@dataclass(frozen=True, slots=True)
class ResultList:
    """Several results: the verdict, the cards of views that failed, a line for each other view, its card folded."""

    results: tuple[ViewResult, ...]
    is_unfolded: bool = False

    @property
    def passed(self) -> bool:
        """Whether no check of any view failed."""
        return all(result.passed for result in self.results)

    @property
    def verdict(self) -> Report:
        """The verdict alone: how many views failed, which, and how many could not be checked in full."""
        count, failed = len(self.results), [result.view for result in self.results if not result.passed]
        unseen = sum(bool(result.not_checked) for result in self.others)
        left = f" {unseen} of {count} views could not be checked in full." if unseen else ""
        if failed:
            verb = "fails" if len(failed) == 1 else "fail"
            return Report(f"{len(failed)} of {count} views {verb}: {', '.join(failed)}.{left}", tone="bad")
        if unseen:
            return Report(f"No view fails.{left}", tone="warn")
        return Report(f"All {count} views pass.", tone="good")

    @property
    def others(self) -> tuple[ViewResult, ...]:
        """The views that did not fail: those with checks that could not look first."""
        return tuple(sorted((each for each in self.results if each.passed), key=lambda each: not each.not_checked))

    def unfolded(self) -> ResultList:
        """Return the list with every card shown."""
        return replace(self, is_unfolded=True)

    def to_dict(self) -> dict[str, Any]:
        """Return the results as JSON-ready values."""
        return {"passed": self.passed, "views": [result.to_dict() for result in self.results]}

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        from workbench.render import mime_bundle, render_text

        title = ", ".join(result.view for result in self.results) or NOTHING
        return mime_bundle("cards", title, html=self._html(), text=render_text(self.__rich__()))

    def _html(self) -> str:
        if len(self.results) < 2:
            return "".join(card_html(result.card) for result in self.results) or NOTHING
        others = "".join(card_html(result.card) for result in self.others)
        unfolded = " open" if self.is_unfolded else ""
        parts = [
            self.verdict.html(),
            *(card_html(result.card) for result in self.results if not result.passed),
            *([Report("", tables=(self._lines(),)).html()] if others else []),
            *([f"<details{unfolded}><summary>Their cards</summary>{others}</details>"] if others else []),
        ]
        return "\n".join(parts)

    def _lines(self) -> Table:
        rows = tuple(
            (
                Mark("? not checked", "warn") if each.not_checked else Mark("✓ pass", "good"),
                each.view,
                "; ".join(each.not_checked) or each.card.verdict,
                each.rows,
                "reused" if each.reused else f"computed in {format_elapsed(each.seconds)}",
            )
            for each in self.others
        )
        return Table("", ("", "view", "checks", "rows", "data"), rows, most=None)

    def __rich__(self) -> Any:
        from rich.console import Group
        from rich.text import Text

        if len(self.results) < 2:
            return card_text(self.results[0].card) if self.results else NOTHING
        shown = self.results if self.is_unfolded else [result for result in self.results if not result.passed]
        parts: list[Any] = [self.verdict.rich()]
        for result in shown:
            parts += [Text(), card_text(result.card)]
        if self.others and not self.is_unfolded:
            hint = Text("▸ Their cards: --all, or the name of one.", style="dim")
            parts += [*([Text()] if shown else []), Plain(Group(self._lines(), hint))]
        return Group(*parts)
