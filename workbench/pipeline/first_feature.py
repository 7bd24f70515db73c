"""Sources that `init --from` declares for files, and a notebook with a first feature of them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli_w

from workbench.config import CONFIG_FILE, Config
from workbench.errors import ProjectError, UsageError
from workbench.pipeline.skeleton import InputTable, column_name, write_skeleton
from workbench.redaction import redact
from workbench.render import Report, Reported, Table
from workbench.sources import Proposal, is_database, propose_source, propose_table, table_of

if TYPE_CHECKING:
    from collections.abc import Sequence


_PATTERN = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class DeclaredSources(Reported):
    """What was proposed for each file: the source's settings and why, its first rows, and what is left to decide.

    `risks` say what is to be known of where the lake is.
    """

    root: str
    proposals: dict[str, Proposal]
    notebook: str | None
    risks: tuple[str, ...] = ()

    @property
    def first(self) -> str | None:
        """The first source that a feature can be made of."""
        return next((name for name, each in self.proposals.items() if first_cell(name, each)), None)

    def to_dict(self) -> dict[str, Any]:
        """Return settings, reasons and questions as JSON-ready values."""
        sources = {
            name: {"settings": each.settings, "reasons": list(each.reasons), "questions": list(each.open_questions)}
            for name, each in self.proposals.items()
        }
        return {"root": self.root, "sources": sources, "notebook": self.notebook, "risks": list(self.risks)}

    def report(self) -> Report:
        """Return the settings, the first rows as they are read, and what is left to decide."""
        tables, notes = [], []
        for name, each in self.proposals.items():
            titled = [f"{column}: {dtype}" for column, dtype in each.rows.schema.items()]
            tables.append(Table(f"{name}, as it is read", tuple(titled), tuple(each.rows.iter_rows())))
            notes += [f"{name}: {'; '.join(each.reasons)}", *each.open_questions]
        ending = f"Open {self.notebook}: its cell computes a first feature. " if self.notebook else ""
        ending += f"Commit {CONFIG_FILE} before you promote."
        facts = tuple(
            (f"[sources.{name}]", str(each.settings.get("path") or each.settings["sql"]))
            for name, each in self.proposals.items()
        )
        return Report(f"{self.root}: {CONFIG_FILE}", facts, tuple(tables), (*notes, ending, *self.risks))


def propose(root: Path, places: Sequence[str]) -> dict[str, Proposal]:
    """Return what is proposed for each file or table of a database, by the source's name; nothing is written."""
    declared = Config.read(root / CONFIG_FILE).sources if (root / CONFIG_FILE).exists() else {}
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
    cell = next((cell for name, each in proposals.items() if (cell := first_cell(name, each))), None)
    path = root / "notebooks" / "first-feature.ipynb"
    if cell is None or path.exists():
        return None
    texts = ["%load_ext workbench", '%feature branch exp/first --objective "Try a first feature"', cell.rstrip("\n")]
    cells: list[dict[str, Any]] = [
        {"cell_type": "code", "id": f"c{place}", "metadata": {}, "execution_count": None, "outputs": [], "source": text}
        for place, text in enumerate(texts)
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    book = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(book, indent=1) + "\n", encoding="utf-8")
    return path.relative_to(root).as_posix()


def first_cell(source: str, proposal: Proposal) -> str | None:
    """Return a cell with what happened to each entity in seven days; None where there is no time or no entity."""
    settings = proposal.settings
    table = InputTable(
        source, dict(proposal.rows.schema), time=settings.get("event_time"), key=tuple(settings.get("key", ()))
    )
    try:
        return f"%%feature\n{write_skeleton('windowed', table).text}"
    except UsageError:
        return None
