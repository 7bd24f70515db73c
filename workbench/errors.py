"""The exception tree. Every error names its remedy.

::

    WorkbenchError
    ├── InvalidName            a name that must not reach git, a path or SQL
    ├── UsageError             a verb called with arguments it does not take
    ├── ConfigError            workbench.toml
    ├── ProjectError           no project here, no write permission, disk full
    │   └── RepositoryUnreadable   git cannot read an object or a branch: damage, or a copy that holds less
    ├── BranchError            git: branches, commits, identity
    │   ├── GitMissing
    │   ├── BranchNotFound
    │   ├── BranchMoved        another commit came first
    │   ├── ProtectedBranch
    │   ├── NotTrusted         definitions by an author who is not trusted yet
    │   └── SigningFailed      no key, or one that cannot be used
    ├── SourceError            a source's data or its declaration
    │   ├── SourceMoved         its data changed while it was read
    │   └── SourceNotFound
    ├── DefinitionError        a definition's text, before anything is computed
    │   ├── CellError          the cell does not hold exactly one feature view
    │   ├── DefinitionFailed   the user's code raised; carries the user's own lines
    │   ├── UnknownInput       a parameter that names no source or view
    │   ├── DefinitionCycle
    │   ├── MissingSchema
    │   ├── WrongReturn        not a LazyFrame, or not the contract's columns
    │   ├── WindowError        windowed(...) called with arguments it cannot use
    │   ├── NotFingerprintable
    │   ├── UndeclaredInput    its values depend on something that it does not declare
    │   └── SharedState        it changes state that other definitions share
    ├── FeatureNotFound        a reference that names no view or feature
    │   └── VersionWithdrawn   a version that was taken out of service
    ├── QueryError             SQL that names no view, does more than read, or fails
    ├── RegistryError          a record under registry/ on main
    ├── LakeError              the canonical offline store
    │   └── LakeDataMissing    rows of a published version are not there
    ├── PromotionError         a promotion, rollback or release that is not possible
    │   ├── PromotionRefused   a gate failed
    │   └── PlanOutdated       main, the branch or the data moved since the plan was made
    ├── OnlineError            the online store, or the service over it
    ├── AccessRefused          the HTTP service wants another token
    ├── JoinError              a spine and rows that cannot be joined
    ├── ComputeError           the engine failed while computing a view
    │   ├── WorkerEnded        the process that ran a definition is gone
    │   └── OnDemandTimeout    an on-demand view was not computed in time
    ├── MemoryLimit            a step needs more memory than it may use
    ├── ContractViolation      a view fails its checks
    ├── TrackingError          MLflow
    └── Interrupted            the user stopped it
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any, ClassVar, Self

from workbench.redaction import redact


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``did you mean 'x'?`` for the closest of `known`, else the list of what is known."""
    options = sorted(set(known))
    other_case = [option for option in options if option.casefold() == name.casefold()]
    close = other_case or get_close_matches(name, options, n=1, cutoff=0.6)
    if close:
        return f"did you mean '{close[0]}'?"
    if not options:
        return ""
    shown = ", ".join(options[:12])
    return f"known: {shown}" + (", ..." if len(options) > 12 else "")


class WorkbenchError(Exception):
    """Root of the tree: what is wrong, and what to do about it.

    Parameters
    ----------
    message
        What is wrong, in one sentence.
    remedy
        What the user can do about it; empty only where nothing can be done.
    lines
        Further lines shown below the message, e.g. the user's own source lines.
    """

    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, remedy: str = "", lines: Sequence[str] = ()) -> None:
        self.message = redact(message)
        self.remedy = redact(remedy)
        self.lines = tuple(redact(line) for line in lines)
        super().__init__(self.message)

    def __str__(self) -> str:
        return "\n".join([self.message, *self.lines, *([self.remedy] if self.remedy else [])])

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.message, self.remedy, self.lines, self.__dict__))

    def to_dict(self) -> dict[str, object]:
        """Return the error as JSON-ready values: ``error``, ``message``, ``remedy``, ``lines``."""
        return {
            "error": type(self).__name__,
            "message": self.message,
            "remedy": self.remedy,
            "lines": list(self.lines),
        }

    def _render_traceback_(self) -> list[str]:
        """Show IPython the message alone: our stack frames help nobody."""
        red, bold, off = "\x1b[31m", "\x1b[1m", "\x1b[0m"
        head = f"{red}{bold}{type(self).__name__}{off}: {self.message}"
        return [head, *self.lines, *([f"{bold}->{off} {self.remedy}"] if self.remedy else [])]


def _rebuild(
    kind: type[WorkbenchError], message: str, remedy: str, lines: tuple[str, ...], state: dict[str, Any]
) -> WorkbenchError:
    error = kind.__new__(kind)
    WorkbenchError.__init__(error, message, remedy=remedy, lines=lines)
    error.__dict__.update(state)
    return error


class InvalidName(WorkbenchError):
    """A name that must not reach git, a path or SQL."""

    @classmethod
    def of(cls, kind: str, name: str, *, rule: str) -> Self:
        """Return the error for `name` of a `kind` (view, branch, source, ...) that breaks `rule`."""
        shown = name if len(name) <= 80 else name[:77] + "..."
        return cls(f"{shown!r} is not a valid {kind} name.", remedy=rule)


class UsageError(WorkbenchError):
    """A verb called with arguments it does not take."""

    @classmethod
    def unknown(cls, what: str, name: str, known: Iterable[str]) -> Self:
        """Return the error for a `name` that is not a `what` (measure, ...)."""
        return cls(f"There is no {what} {name!r}.", remedy=did_you_mean(name, known))

    @classmethod
    def without_rows(cls, what: str, *, held: str = "") -> Self:
        """Return the error for the side `what` of a comparison that has no rows; `held` says which rows exist."""
        return cls(
            f"There are no rows in {what}.",
            remedy=f"Choose a period, a filter or an input that has rows{f'; {held}' if held else ''}.",
        )

    @classmethod
    def not_a_value(cls, column: str, value: object, dtype: str) -> Self:
        """Return the error for a `value` that `column` cannot have."""
        return cls(f"{column} is {dtype}: it cannot be {value!r}.", remedy="Give a value of the column's type.")


class ConfigError(WorkbenchError):
    """``workbench.toml`` cannot be read or is incomplete."""


class ProjectError(WorkbenchError):
    """The project cannot be opened or written."""

    @classmethod
    def not_writable(cls, path: str, reason: str) -> Self:
        """Return the error for a project folder that cannot be written."""
        return cls(
            f"Cannot write {path}: {reason}.",
            remedy="Free some space or change the permissions, then run the same command again.",
        )


class RepositoryUnreadable(ProjectError):
    """Git cannot read an object or a branch; this is never treated as absence."""


class BranchError(WorkbenchError):
    """Git refused, or the repository is not in a usable state."""


class GitMissing(BranchError):
    """git is not on this machine's PATH."""


class BranchNotFound(BranchError):
    """A branch or revision that the repository does not have."""

    @classmethod
    def named(cls, name: str, known: Iterable[str]) -> Self:
        """Return the error for the unknown branch or revision `name`."""
        return cls(
            f"There is no branch or commit {name!r}.",
            remedy=f"{did_you_mean(name, known)} `branch` lists branches and starts new ones.".strip(),
        )


class BranchMoved(BranchError):
    """Another commit came first."""

    @classmethod
    def during(cls, branch: str, *, expected: str, found: str) -> Self:
        """Return the error for a compare-and-swap on `branch` that lost."""
        return cls(
            f"Branch {branch!r} moved from {expected[:10]} to {found[:10]} while this was written.",
            remedy="Run the same command again: it starts from the new tip. Nothing was lost.",
        )

    @classmethod
    def at_remote(cls, branch: str, *, remote: str) -> Self:
        """Return the error for a push to `branch` that came after another push."""
        return cls(
            f"Somebody else pushed to {branch!r} at {remote} first. Nothing was published.",
            remedy="Run the same command again: it starts from what they pushed.",
        )


class ProtectedBranch(BranchError):
    """A write to a branch that only ``promote`` may write."""

    @classmethod
    def named(cls, name: str) -> Self:
        """Return the error for a write to the protected branch `name`."""
        return cls(
            f"Branch {name!r} is protected: experiments do not write it.",
            remedy="Start an experiment with `%feature branch exp/<name>` and run the cell again.",
        )


class NotTrusted(BranchError):
    """Definitions by authors whom the user does not trust yet; none of them ran."""


class SigningFailed(BranchError):
    """A signature could not be made: there is no key, or it cannot be used."""


class SourceError(WorkbenchError):
    """A source's data or its declaration in ``workbench.toml`` is not usable."""


class SourceMoved(SourceError):
    """A source's data changed while it was read, so the result matches no single state of the data."""


class SourceNotFound(SourceError):
    """A source that ``workbench.toml`` does not name, or whose data is gone."""


class DefinitionError(WorkbenchError):
    """A definition's text is wrong; nothing was computed or committed."""


class CellError(DefinitionError):
    """The text does not hold exactly one feature view."""


class DefinitionFailed(DefinitionError):
    """The user's own code raised. `lines` holds the user's frames, `__cause__` the exception."""


class UnknownInput(DefinitionError):
    """A parameter of a view that names neither a source nor a view."""

    @classmethod
    def of(cls, view: str, parameter: str, known: Iterable[str]) -> Self:
        """Return the error for `parameter` of `view`."""
        return cls(
            f"View {view!r} asks for {parameter!r}, which is neither a source nor a view.",
            remedy=f"{did_you_mean(parameter, known)} Sources are declared in workbench.toml; "
            "a parameter with a default value must be keyword-only (after `*`).".strip(),
        )


class DefinitionCycle(DefinitionError):
    """Views that depend on each other in a circle."""


class MissingSchema(DefinitionError):
    """A view whose return annotation names no FeatureModel."""


class WrongReturn(DefinitionError):
    """A view that did not return the LazyFrame that its contract describes."""


class WindowError(DefinitionError):
    """``windowed(...)`` was called with arguments that it cannot use."""


class NotFingerprintable(DefinitionError):
    """Code that depends on something that cannot be fingerprinted, so reuse would be a guess."""

    @classmethod
    def reaching(cls, what: str, *, where: str, remedy: str, lines: Sequence[str] = ()) -> Self:
        """Return the error for code at `where` that does `what`; `lines` show the user's source."""
        return cls(
            f"{where} {what}, so a stale result could not be distinguished from a current one.",
            remedy=remedy,
            lines=lines,
        )


class UndeclaredInput(DefinitionError):
    """A definition whose values depend on something that it does not declare; nothing was stored.

    Attributes
    ----------
    place
        The file and line; empty and 0 if unknown.
    """

    place: tuple[str, int] = ("", 0)


class SharedState(DefinitionError):
    """A definition that changes process-wide state."""


class FeatureNotFound(WorkbenchError):
    """A reference to a view or feature that does not exist."""

    @classmethod
    def named(cls, ref: str, known: Iterable[str]) -> Self:
        """Return the error for `ref`, with the closest of `known`."""
        return cls(f"There is no view or feature {ref!r}.", remedy=did_you_mean(ref, known))

    @classmethod
    def absent(cls, name: str, *, where: str, known: Iterable[str]) -> Self:
        """Return the error for a column `name` that `where` lacks, with the closest of `known`."""
        return cls(f"There is no column {name!r} in {where}.", remedy=did_you_mean(name, known))

    @classmethod
    def unpublished(cls, view: str, known: Iterable[str]) -> Self:
        """Return the error for a `view` without a published version."""
        return cls(
            f"No version of view {view!r} is published.",
            remedy=f"{did_you_mean(view, known)} Publish it from an experiment with `promote {view}`.".strip(),
        )


class VersionWithdrawn(FeatureNotFound):
    """A published version that was taken out of service, with the reason and what to read instead."""


class QueryError(WorkbenchError):
    """SQL over the views that cannot be answered; SQL never writes."""

    @classmethod
    def unknown_table(cls, name: str, known: Iterable[str]) -> Self:
        """Return the error for a table `name` that is neither a view nor a source."""
        return cls(
            f"There is no view or source {name!r} to read.",
            remedy=f'{did_you_mean(name, known)} A version is written "view@2", a branch\'s view "branch".view, with '
            "the quotes; `catalog` lists what is published.".strip(),
        )

    @classmethod
    def not_a_select(cls, reason: str) -> Self:
        """Return the error for a query that does more than read; `reason` says what."""
        return cls(
            f"The query {reason}.",
            remedy="Write one SELECT over views, their versions and sources; --out, or a write_ method of the frame, "
            "stores its result.",
        )

    @classmethod
    def failed(cls, message: str, lines: Sequence[str] = ()) -> Self:
        """Return the error for a query that DuckDB refused with `message`; `lines` show where."""
        return cls(
            f"The query failed: {message}",
            lines=lines,
            remedy="Correct the query; the query `describe VIEW` lists the columns of a view.",
        )


class RegistryError(WorkbenchError):
    """A record under ``registry/`` on main that cannot be read."""


class LakeError(WorkbenchError):
    """The canonical offline store lacks the data or cannot store it; it is unchanged."""

    @classmethod
    def not_read(cls, place: str, reason: str) -> Self:
        """Return the error for a `place` in the lake that cannot be read."""
        return cls(
            f"The lake cannot be read at {place}: {reason}.",
            remedy="Check that it can be reached and that you may read it, then run the same command again.",
        )

    @classmethod
    def not_written(cls, place: str, reason: str) -> Self:
        """Return the error for a `place` in the lake that cannot be written."""
        return cls(
            f"The lake cannot be written at {place}: {reason}.",
            remedy="Free some space or change the permissions, then run the same command again; "
            "readers still see the previous data.",
        )

    @classmethod
    def not_the_contract(cls, view: str, details: Iterable[str]) -> Self:
        """Return the error for data of `view` that does not have its contract's columns."""
        return cls(
            f"The data of {view!r} does not have the columns of its contract.",
            lines=[f"  {detail}" for detail in details],
            remedy="Compute the view again under this contract; nothing was published.",
        )


class LakeDataMissing(LakeError):
    """The rows of a published version are not where its record says."""

    @classmethod
    def no_table(cls, view: str, major: int, known: Iterable[str]) -> Self:
        """Return the error for a `view` whose `major` version has no table; `known` are those that have one."""
        return cls(
            f"The lake has no data of {view}@{major}.",
            remedy=f"{did_you_mean(f'{view}@{major}', known)} `promote` writes the lake; check that "
            "[lake] uri in workbench.toml is right.".strip(),
        )

    @classmethod
    def files_gone(cls, view: str, major: int, version: int, names: Sequence[str]) -> Self:
        """Return the error for a Delta `version` whose data files `names` are missing or of another size."""
        return cls(
            f"Delta version {version} of {view}@{major} lacks {len(names)} of its data files, or they have another "
            f"size than it says, e.g. {names[0]}.",
            remedy="They were vacuumed because no record keeps this version, or they were lost: restore the "
            f"lake from a backup, or run `materialize {view}` to compute the serving version again.",
        )


class PromotionError(WorkbenchError):
    """A promotion, rollback, deprecation or release that is not possible; nothing was changed."""


class PromotionRefused(PromotionError):
    """A gate failed; nothing was published. `report` says what every gate found."""

    report: Any = None

    @classmethod
    def of(cls, report: Any, refusals: Sequence[str]) -> Self:
        """Return the error for a promotion with `refusals`."""
        error = cls(
            f"Refused for {len(refusals)} reason{'s' if len(refusals) != 1 else ''}. Nothing was published.",
            lines=[f"  {refusal}" for refusal in refusals],
            remedy="Correct these, then promote again; `promote --dry-run` shows the whole plan.",
        )
        error.report = report
        return error

    def without_lines(self) -> Self:
        """Return the error without the lines that the displayed report contains."""
        self.lines = ()
        return self


class PlanOutdated(PromotionError):
    """Main, the branch or the data moved since the plan was made; nothing was published."""


class OnlineError(WorkbenchError):
    """The online store cannot be read or written, or does not have what was asked; what it had is as it was."""


class AccessRefused(WorkbenchError):
    """The HTTP service wants another token for what was asked."""


class JoinError(WorkbenchError):
    """A spine and a view's rows cannot be joined."""

    @classmethod
    def missing_column(cls, column: str, where: str, known: Iterable[str]) -> Self:
        """Return the error for a missing key, time or feature `column`."""
        renamed = f"Rename a column of {where}; a time's name may be given, as time=..."
        hint = did_you_mean(column, known)
        remedy = f"{hint}{'' if hint.endswith('?') else '.'} {renamed}" if hint else renamed
        return cls(f"Point-in-time join: {where} has no column {column!r}.", remedy=remedy)

    @classmethod
    def collision(cls, column: str, first: str, second: str) -> Self:
        """Return the error for a `column` that both sides have."""
        return cls(
            f"Point-in-time join: {first} and {second} both have a column {column!r}.",
            remedy="Rename one of them, or pass full_names=True, which names it view__feature.",
        )


class ComputeError(WorkbenchError):
    """The engine failed while computing a view; no view was written."""


class WorkerEnded(ComputeError):
    """The process that ran a definition ended too early; no view was written."""

    how = ""
    """How it ended, such as ``SIGKILL`` or ``exit code 3``."""


class OnDemandTimeout(ComputeError):
    """An on-demand view was not computed within the time that a request may take."""


class MemoryLimit(WorkbenchError):
    """A step needs more memory than it may use: told before it begins, or where only the rows tell, once they do."""


class ContractViolation(WorkbenchError):
    """A view breaks its contract or fails a probe."""

    @classmethod
    def of(cls, view: str, details: Iterable[str]) -> Self:
        """Return the error for `view`, whose failed checks say `details`."""
        return cls(
            f"View {view!r} fails its checks.",
            lines=[f"  {detail}" for detail in details],
            remedy="The card shows where. Correct the view or its FeatureModel and run the cell again; "
            "it is committed, and its run is marked failed.",
        )


class TrackingError(WorkbenchError):
    """MLflow cannot be used."""


class Interrupted(WorkbenchError):
    """The user stopped the computation; nothing is half done."""
