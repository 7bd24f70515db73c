"""Definitions on real git, ready to be tested."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import workbench as wb
from tests.conftest import EVENT_VIEW, events, identify
from workbench.checks import Check, start_tests
from workbench.define import Definitions, FeatureView, load_tree, parse_cell
from workbench.git import Repository


@dataclass(frozen=True)
class Written:
    """A definition that was written to a tree, with its inputs."""

    definitions: Definitions
    view: FeatureView
    offset: int

    def check(self, *, cell: bool = False, seconds: float = 60.0) -> Check | None:
        frame = events().lazy()
        inputs = dict.fromkeys(self.view.inputs, frame)
        offset = self.offset if cell else None
        data = self.view(*inputs.values())
        with start_tests(self.definitions, self.view, inputs, data, offset=offset, seconds=seconds) as tests:
            return tests.result()

    def run(self, *, cell: bool = False, seconds: float = 60.0) -> Check:
        found = self.check(cell=cell, seconds=seconds)
        assert found is not None
        return found

    def said(self, *, seconds: float = 60.0) -> list[str]:
        """What is said of the tests that fail, line by line."""
        failures = self.run(seconds=seconds).failures
        return [] if failures is None else failures["says"].to_list()


Write = Callable[..., Written]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One project for all tests of a module: each writes a tree of its own."""
    with pytest.MonkeyPatch.context() as patch:
        identify(tmp_path_factory.mktemp("git"), patch)
        made = tmp_path_factory.mktemp("trial")
        wb.init(made).close()
        yield made


@pytest.fixture
def write(root: Path) -> Write:
    """Write a cell, and helpers by their names, to a tree, and load it."""

    def write(more: str = "", *, cell: str = EVENT_VIEW, **helpers: str) -> Written:
        parsed = parse_cell(f"{cell}\n{more}")
        files = {f"features/{parsed.view}.py": parsed.module}
        files |= {f"features/{name}.py": text for name, text in helpers.items()}
        with Repository.open(root) as repository:
            tree = repository.tree_with(repository.resolve("main"), files)
            definitions = load_tree(repository, tree, cache=root / ".workbench")
        return Written(definitions, definitions.view(parsed.view), parsed.offset)

    return write
