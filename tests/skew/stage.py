"""A service that logs all reads, over published views without a repository, and the comparison of what it logged."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.online.stage import Shelf
from tests.server.stage import Asked, options
from workbench.config import Config
from workbench.errors import BranchError
from workbench.online.backend import StoredEntity
from workbench.online.keys import SUFFIX, instant_of
from workbench.server import FeatureService
from workbench.skew import SkewReport, measure_skew


@dataclass
class Served:
    """What is published, and a service over it."""

    shelf: Shelf
    commits: list[SimpleNamespace] = field(default_factory=list)

    @classmethod
    def at(cls, folder: Path) -> Served:
        return cls(Shelf.at(folder))

    def publish(self, *, load: bool = True) -> None:
        """Let what the shelf has be main's newest commit, and the store's content."""
        self.commits.insert(0, SimpleNamespace(id=self.shelf.commit(), time=datetime.now(UTC)))
        if load:
            self.shelf.load()

    def ask(self, features: Any, entities: Any, **body: Any) -> Any:
        """Ask once, and return the answer when it is logged."""
        return self.ask_each([(features, entities, body)])[0]

    def ask_each(
        self, requests: Sequence[tuple[Any, Any, Mapping[str, Any]]], *, lake: bool = False, **settings: Any
    ) -> list[Any]:
        """Ask for each, and return the answers when they are logged."""
        found = options(self.shelf, **({"log_reads": 1} | settings))
        service = FeatureService(replace(found, lake=("lake", str(self.shelf.folder))) if lake else found)
        asked = Asked(service)
        answers = [asked.features(features, entities, **body) for features, entities, body in requests]
        service._log.close(60)
        assert all(answer.status_code == 200 for answer in answers), [answer.text for answer in answers]
        return answers

    def skew(self, view: str | None = None, **how: Any) -> SkewReport:
        """Compare what was logged."""
        repository = SimpleNamespace(
            resolve=lambda ref: self.commits[0].id,
            is_unborn=lambda name: False,
            files=self.shelf.files,
            read=_no_settings,
            read_blob=self.shelf.read_blob,
            history=lambda ref, *, path, limit: self.commits,
        )
        workspace = SimpleNamespace(
            repository=repository,
            trunk="main",
            lake=self.shelf.lake,
            home=self.shelf.folder,
            facts=self.shelf.folder / "facts",
            unshared="",
            config=Config.read({"project": {"name": "shelf"}}),
        )
        return measure_skew(workspace, view, **how)  # type: ignore[arg-type]  # what it asks of one

    def swap(self, view: str, one: Mapping[str, object], other: Mapping[str, object]) -> None:
        """Let the rows of one entity answer for another in the store."""
        backend = self.shelf.backend
        (plan,) = self.shelf.reader().plan(_parsed(view)).views
        name = f"generation/{view}@1"
        generation = json.loads(backend.catalog()[1][name])
        rows: dict[bytes, list[tuple[int, bytes]]] = {}
        for key, row in backend.rows(generation["number"]):
            rows.setdefault(key[:-SUFFIX], []).append((instant_of(key[-SUFFIX:]), row))
        first, second = plan.stored_keys([one, other])
        assert first is not None
        assert second is not None
        rows[first] = rows[second]
        with backend.writing() as writer:
            number = writer.new_generation()
            writer.append(number, [StoredEntity(key, found, 0) for key, found in rows.items()])
            writer.change({name: json.dumps({**generation, "number": number}).encode()})


def _parsed(view: str) -> Any:
    from workbench.store import parse_all

    return parse_all(view)


def _no_settings(revision: str, path: str) -> str:
    """Say that there is no code here from which a version could be computed again."""
    raise BranchError(f"There is no {path} at {revision}.", remedy="None: the shelf has rows, and no definitions.")
