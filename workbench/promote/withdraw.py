"""`withdraw`: a published version is out of service at once, and its readers are told why. No data is moved."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from workbench.errors import LakeDataMissing, RegistryError, UsageError, WorkbenchError
from workbench.lineage import readers_of
from workbench.promote.impact import Readers
from workbench.promote.lifecycle import Standing, in_main, parse_version_ref, write
from workbench.promote.pins import pins
from workbench.promote.policy import require_permission
from workbench.promote.rollback import Step, older_data, restored_definitions
from workbench.promote.trunk import commit_of
from workbench.registry import Withdrawal, lifecycle
from workbench.store import facts_of_saved, saved_sets

if TYPE_CHECKING:
    from workbench.promote.trunk import TrunkWriter
    from workbench.registry import Record, Registry, Version
    from workbench.workspace import Workspace

WITHDRAWN = "Withdrawn"


def withdraw(workspace: Workspace, ref: str, *, reason: str) -> Standing:
    """Take the version `ref` out of service. Its major version gives the one before it again, where there is one.

    Main's definition becomes that one's, as after a rollback. What cannot be restored or looked at is said, and holds
    nothing up.
    """
    view, asked = parse_version_ref(ref)
    said = " ".join(reason.split())
    if not said:
        raise UsageError("A withdrawal needs a reason, which readers are told.", remedy="Write --reason 'WHY'.")

    def step(line: TrunkWriter) -> Standing:
        registry = line.registry()
        main = commit_of(registry)
        record = registry.record(view)
        if asked is None:
            serving = record.version().number
            raise UsageError(
                f"{ref!r} does not say which version.", remedy=f"{serving} serves: withdraw {view}@{serving}."
            )
        version = record.version(asked, withdrawn=True)
        require_permission(workspace, main, [view])
        if version.withdrawn is not None:
            return Standing(f"{view} {version.number} is withdrawn already", record, main)
        gone = Withdrawal(version.number, datetime.now(UTC), workspace.repository.identity(), said)
        after = lifecycle.withdraw(record, version, gone)
        back = lifecycle.live_of(after, version.major)
        notes = _Notes(workspace, registry, record, version, back).all()
        tree = main
        if back is not None and after.current == back.number != record.current:
            try:
                tree, told, _ = restored_definitions(workspace, main, [Step(view, record, after, back)])
                notes = [*notes, *told]
            except WorkbenchError as error:
                notes = [*notes, f"Main's definition of {view} stays as it is: {error.message}"]
        commit = write(
            line,
            main,
            {view: after},
            f"Withdraw {view} {version.number}",
            ((WITHDRAWN, f"{view} {version.number}"),),
            onto=tree,
            body=said,
        )
        return Standing(f"{view} {version.number} is withdrawn: {said}", after, commit, tuple(notes))

    return in_main(workspace, step)


@dataclass(frozen=True, slots=True)
class _Notes:
    """What is said of a version that is withdrawn: what serves in its place, and what has its values."""

    workspace: Workspace
    registry: Registry
    record: Record
    version: Version
    back: Version | None

    def all(self) -> list[str]:
        """Return the sentences, first what readers get from now on."""
        return [*self._instead(), *self._made_from_it(), *self._pins(), *self._readers()]

    @property
    def _label(self) -> str:
        return f"{self.record.view}@{self.version.number}"

    def _instead(self) -> list[str]:
        view, major = self.record.view, self.version.major
        if not self.version.is_live:
            return []
        if self.back is None:
            return [f"{view}@{major} gives nothing now: there is no version before it. Its readers are told why."]
        said = [f"{view}@{major} gives {self.back.number} again, and its readers are told why."]
        said += older_data(self.record, self.back)
        try:
            self.workspace.require_rows(view, self.back)
        except LakeDataMissing as error:
            said.append(f"{view} {self.back.number} cannot be read: {error.message} `materialize {view}` computes it.")
        return said

    def _made_from_it(self) -> list[str]:
        found = []
        try:
            for name, other in Readers(self.registry).live:
                reads = [read for read in other.inputs if read.kind == "view" and read.name == self.record.view]
                if any(read.version == self.version.number for read in reads):
                    cure = f"`materialize {name}` computes it from {self.back.number}, or " if self.back else ""
                    found.append(
                        f"{name} {other.number} was made from it and keeps its values: {cure}`withdraw "
                        f"{name}@{other.number}`."
                    )
        except RegistryError as error:
            found.append(f"What was made from it is not known: {error.message}")
        return found

    def _pins(self) -> list[str]:
        try:
            pinned = pins(self.workspace, self.registry, self.record.view, self.version)
        except WorkbenchError as error:
            return [f"What pins it is not known: {error.message}"]
        of_release = {pin for pin in pinned if pin.kind == "release" and self._has(pin.name)}
        exactly = {pin for pin in pinned if self._label in pin.how.split() or f"{self._label}:" in pin.how}
        return [f"{pin.sentence}, and can no longer read it." for pin in pinned if pin in of_release | exactly]

    def _has(self, release: str) -> bool:
        from workbench.promote.releases import one

        return f"{self.record.view} {self.version.number}" in one(self.workspace, release).versions

    def _readers(self) -> list[str]:
        saved = [facts_of_saved(self.workspace, each) for each in saved_sets(self.workspace.home)]
        found = [f"{kind} {name} has values of it." for kind, name in readers_of(self.workspace, self._label, saved)]
        if self.workspace.repository.has_remote:
            found.append("Training sets and models that others made on their machines are not known here.")
        return found
