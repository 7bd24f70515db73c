"""Sources that `init --from` declares for files, and a notebook with a first feature of them."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli_w

from workbench.config import CONFIG_FILE, Config
from workbench.errors import ProjectError, UsageError
from workbench.pipeline.skeleton import InputTable, Skeleton, column_name, has_entities, write_skeleton
from workbench.redaction import redact
from workbench.render import Report, Reported, Table, dtype_name, print_value
from workbench.sources import Proposal, is_database, propose_source, propose_table, table_of

if TYPE_CHECKING:
    from collections.abc import Sequence


_PATTERN = re.compile(r"[*?\[]")
_SHOWN = 3
"""Rows of a file that are shown."""
_WIDEST = 40
"""Characters of a value that are shown."""
_NEXT = """\
Change the cell above and run it again, as often as you like: what it defines is committed to the branch each time. When
its checks pass, publish it, and build a training set: its values as they were known at the time of each row.

```python
%feature promote {view}
```

```python
import workbench as wb

project = wb.open()
rows = project.sources["{source}"].frame().select({keys}).collect()
project.store.training_set(rows, "{view}")
```
"""


@dataclass(frozen=True, slots=True)
class DeclaredSources(Reported):
    """What was proposed for each file: the source's settings and why, its first rows, and what is left to decide.

    `is_committed` is false where the settings are left for the user to commit; `risks` say what is to be known of where
    the lake is.
    """

    root: str
    proposals: dict[str, Proposal]
    notebook: str | None
    is_committed: bool
    risks: tuple[str, ...] = ()

    @property
    def first(self) -> Skeleton | None:
        """A feature of the first source that one can be made of."""
        return _first(self.proposals)

    def to_dict(self) -> dict[str, Any]:
        """Return settings, reasons and questions as JSON-ready values."""
        sources = {
            name: {"settings": each.settings, "reasons": list(each.reasons), "questions": list(each.open_questions)}
            for name, each in self.proposals.items()
        }
        return {"root": self.root, "sources": sources, "notebook": self.notebook, "risks": list(self.risks)}

    def report(self) -> Report:
        """Return what to do next, what is left to decide, and the columns of each source with their first values."""
        places = [str(each.settings.get("path") or each.settings["sql"]) for each in self.proposals.values()]
        facts = [
            (f"[sources.{name}]", "\n".join([place, *each.reasons]))
            for (name, each), place in zip(self.proposals.items(), places, strict=True)
        ]
        return Report(
            f"{CONFIG_FILE} declares {' and '.join(self.proposals)}",
            facts=(("project", self.root), *facts),
            tables=tuple(_columns(name, each) for name, each in self.proposals.items()),
            notes=self.risks,
            steps=(*(question for each in self.proposals.values() for question in each.open_questions), *self._steps()),
        )

    def _steps(self) -> list[str]:
        steps = []
        if self.notebook:
            steps.append(f"Open {self.notebook} and run its cells: they compute a first feature.")
        elif first := self.first:
            steps.append(f"`new {first.kind} {first.inputs[0]}` writes a first feature.")
        else:
            steps.append("Declare a source of events too, a table with times: features are computed at times.")
        return steps if self.is_committed else [*steps, f"Commit {CONFIG_FILE} before you promote."]


def _columns(name: str, proposal: Proposal) -> Table:
    """Return a row for each column: its type, the part that it plays, and its first values."""
    settings, rows = proposal.settings, proposal.rows.head(_SHOWN)
    parts = {**dict.fromkeys(settings.get("key", ()), "key"), settings.get("event_time"): "event time"}
    return Table(
        f"{name}, as it is read",
        ("column", "type", "part", *(f"row {place + 1}" for place in range(rows.height))),
        tuple(
            (column, dtype_name(str(dtype)), parts.get(column, ""), *map(_short, rows[column].to_list()))
            for column, dtype in rows.schema.items()
        ),
    )


def _short(value: object) -> str:
    text = print_value(value)
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"


def propose(root: Path, places: Sequence[str]) -> dict[str, Proposal]:
    """Return what is proposed for each file or table of a database, by the source's name; nothing is written."""
    declared = Config.of_file(root / CONFIG_FILE).sources if (root / CONFIG_FILE).exists() else {}
    found: dict[str, Proposal] = {}
    for place in places:
        of_table = is_database(place)
        name = column_name(table_of(place).rpartition(".")[2] if of_table else Path(place).name.split(".")[0])
        if name in declared or name in found:
            raise ProjectError(
                f"There is a source {name!r} already.",
                remedy=f"Edit [sources.{name}] in {CONFIG_FILE}, or rename {redact(place)}.",
            )
        if of_table:
            found[name] = propose_table(name, place, root=root)
            continue
        file = Path(place).expanduser().resolve()
        if not file.exists() and not _PATTERN.search(place):
            raise ProjectError(f"There is no file {file}.", remedy="Give its path from the working directory.")
        path = file.relative_to(root).as_posix() if file.is_relative_to(root) else str(file)
        found[name] = propose_source(name, path, root=root)
    return found


def sources_toml(proposals: dict[str, Proposal]) -> str:
    """Return the tables for ``workbench.toml``."""
    return "".join("\n" + tomli_w.dumps({"sources": {name: each.settings}}) for name, each in proposals.items())


def write_notebook(root: Path, proposals: dict[str, Proposal]) -> str | None:
    """Write a notebook with a first feature; None where no source has what that needs, or the file is there."""
    first = _first(proposals)
    path = root / "notebooks" / "first-feature.ipynb"
    if first is None or path.exists():
        return None
    texts = ["%load_ext workbench", '%feature branch exp/first --objective "Try a first feature"']
    texts.append(f"%%feature\n{first.text.rstrip()}")
    cells: list[dict[str, Any]] = [
        {"cell_type": "code", "id": f"c{place}", "metadata": {}, "execution_count": None, "outputs": [], "source": text}
        for place, text in enumerate(texts)
    ]
    cells.append({"cell_type": "markdown", "id": "next", "metadata": {}, "source": _next(first)})
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    book = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(book, indent=1) + "\n", encoding="utf-8")
    return path.relative_to(root).as_posix()


def _next(first: Skeleton) -> str:
    """Return what to do when the first cell has run."""
    (source,) = first.inputs
    keys = ", ".join(
        f"{'event_timestamp' if part == 'time' else column_name(column)}={json.dumps(column)}"
        for part, column, _ in first.choices
        if part in {"entity", "time"}
    )
    return _NEXT.format(view=first.view, source=source, keys=keys)


def _first(proposals: dict[str, Proposal]) -> Skeleton | None:
    return next((found for name, each in proposals.items() if (found := _first_skeleton(name, each))), None)


def _first_skeleton(source: str, proposal: Proposal) -> Skeleton | None:
    """Return what happened to each entity, or to all where there is none; None without times."""
    table = _table(source, proposal)
    for kind in ("windowed", "global") if has_entities(table) else ("global",):
        with suppress(UsageError):
            return write_skeleton(kind, table)
    return None


def _table(source: str, proposal: Proposal) -> InputTable:
    settings = proposal.settings
    return InputTable(
        source,
        dict(proposal.rows.schema),
        time=settings.get("event_time"),
        key=tuple(settings.get("key", ())),
        gap=proposal.gap,
    )
