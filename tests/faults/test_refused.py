"""Where the system refuses a write, nothing is half visible, the old version is read, and trying again works."""

from __future__ import annotations

import resource
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.promote.conftest import VALUED, git, more_events, record_of
from workbench.errors import ProjectError, WorkbenchError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.project import Project


@contextmanager
def no_space(limit: int) -> Iterator[None]:
    """The system refuses every write beyond `limit` bytes of a file, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def served(project: Project) -> tuple[str, str, float]:
    """Return main's tip, and the number and the values of what it serves."""
    version = record_of(project).version()
    rows = project._workspace.lake.scan("spend", version.major, version.delta_version, version.contract).collect()
    return git(project.root, "rev-parse", "main"), version.number, float(rows["total"].sum())


@pytest.mark.journey
@pytest.mark.parametrize("limit", [0, 100])
def test_a_full_disk_publishes_nothing(published: Project, limit: int) -> None:
    before = served(published)
    published.define(VALUED, log=False)
    with no_space(limit), pytest.raises(WorkbenchError) as caught:
        published.promote("spend", accept={"spend": "twice"})
    assert caught.value.remedy
    assert served(published) == before
    published.promote("spend", accept={"spend": "twice"})
    assert served(published)[1:] == ("2.0", before[2] * 2)


def test_a_full_disk_materializes_nothing(published: Project) -> None:
    before = served(published)
    more_events(published.root, 30)
    with no_space(100), pytest.raises(ProjectError, match=r"no space left.*\n.*Free some space"):
        published.materialize()
    assert served(published) == before
    assert published.materialize().commit is not None


def test_a_file_in_the_place_of_the_lakes_table_publishes_nothing(published: Project) -> None:
    before = served(published)
    published.define(VALUED, log=False)
    place = published.repository.home / "lake" / "spend" / "v2"  # binds root too, as chmod does not
    place.write_text("in the way")
    with pytest.raises(WorkbenchError) as caught:
        published.promote("spend", accept={"spend": "twice"})
    assert caught.value.remedy
    assert served(published) == before
    place.unlink()
    published.promote("spend", accept={"spend": "twice"})
    assert served(published)[1] == "2.0"
