"""The columns of what a definition may read: of sources by their data's schema, of views by text and records."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from workbench.errors import WorkbenchError
from workbench.lab.branch_views import main_of, outlined, published
from workbench.lab.projects import Look, tip_of
from workbench.project import workspace_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from workbench.project import KnownNames
    from workbench.sources import Source

PATIENCE = 1.5
"""Seconds that an answer waits for the schema of a source; then it does without, and the next one has it."""
_READERS = ThreadPoolExecutor(1, thread_name_prefix="workbench-schemas")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of an input."""

    name: str
    dtype: str
    unit: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Input:
    """A source or view that a definition may read.

    Attributes
    ----------
    name, kind
        What it is called, and what it is.
    columns
        Its columns; None where they are not known.
    says
        What it says of itself.
    features, entities, event_time
        Of a view: its features, its keys, and its time.
    """

    name: str
    kind: Literal["source", "view"]
    columns: tuple[Column, ...] | None
    says: str = ""
    features: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()
    event_time: str | None = None


def inputs_of(look: Look, *, patience: float = PATIENCE) -> dict[str, Input]:
    """Return the sources and views that a definition on the branch may read, by name."""
    workspace, tip = workspace_of(look.project), tip_of(look)
    found: dict[str, Input] = {}
    for name, record in published(look, workspace, main_of(workspace)).items():
        shown = getattr(record, "shown", None)
        if shown is not None:
            columns = tuple(Column(c.name, str(c.dtype), c.unit, c.description) for c in shown.contract.columns)
            features = tuple(c.name for c in shown.contract.features)
            says = str(shown.declaration.get("description", ""))
            found[name] = Input(name, "view", columns, says, features, shown.entities, shown.event_time)
    if tip is not None:
        for name, view in outlined(look, workspace, tip)[1].views.items():
            columns = tuple(Column(c.name, c.dtype, c.unit, c.description) for c in view.columns)
            own = view.declared
            found[name] = Input(
                name, "view", columns or None, own.description, view.features, own.entities, own.event_time
            )
    for name in workspace.sources.names():
        source = workspace.sources[name]
        found[name] = Input(name, "source", _columns(look, source, patience), source.settings.description)
    return found


def names_of(look: Look) -> KnownNames:
    """Return what can be named on the branch; of sources the columns that are known within a time."""
    from workbench.project import KnownNames

    workspace = workspace_of(look.project)
    return KnownNames(workspace, look.branch or "HEAD", dtypes=lambda source: _dtypes(look, source, PATIENCE))


def _columns(look: Look, source: Source, patience: float) -> tuple[Column, ...] | None:
    dtypes = _dtypes(look, source, patience)
    return None if dtypes is None else tuple(Column(name, str(dtype)) for name, dtype in dtypes.items())


def _dtypes(look: Look, source: Source, patience: float) -> Mapping[str, pl.DataType] | None:
    """Return the columns of a source, each with its dtype; None where they are not known, or not yet."""
    try:
        key = source.name, repr(source.settings.to_dict()), source.mark()
        asked: Future[Mapping[str, pl.DataType] | None] = look.known.once(
            "schemas", key, lambda: _READERS.submit(source.dtypes), most=1_000
        )
        return asked.result(patience)
    except (WorkbenchError, NotYet, TypeError):
        return None
    except Exception:  # noqa: BLE001 - whatever a file may do to its reader: the card says it
        return None
