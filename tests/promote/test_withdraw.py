"""`withdraw`: out of service at once, told to whoever reads it, and undone by a rollback."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

from tests.promote.conftest import ADDED, RATE, SPEND, git, record_of
from workbench.define import parse_cell
from workbench.errors import UsageError, VersionWithdrawn
from workbench.store import DeprecatedVersionWarning

if TYPE_CHECKING:
    from workbench.project import Project

WHY = "Counts refunds twice"
SPINE = pl.DataFrame({"user": ["u1"], "event_timestamp": [datetime(2030, 1, 1, tzinfo=UTC)]})


@pytest.fixture
def shop(published: Project) -> Project:
    """The project with ``spend`` 1.0, 1.1 and, made from that, ``rate`` 1.0 published; it has an online store."""
    with (published.root / "workbench.toml").open("a") as file:
        file.write('\n[online]\nkind = "lmdb"\nmap_size = 50000000\n')
    git(published.root, "commit", "-qam", "Have an online store")
    published.define(ADDED, log=False)
    published.promote("spend")
    published.define(RATE, log=False)
    published.promote("rate")
    return published


def on_main(project: Project) -> object:
    """Return a store that reads what is published."""
    from workbench.project import Project as Opened

    return Opened(project.root, branch="main").store


@pytest.mark.journey
def test_a_version_is_taken_out_of_service_and_its_readers_are_told(shop: Project) -> None:
    store = on_main(shop)
    shop.cut_release("2026.11")
    store.training_set(SPINE, "spend@1.1", save="before")  # type: ignore[attr-defined]  # a FeatureStore
    with pytest.raises(UsageError, match="does not say which version") as caught:
        shop.withdraw("spend", reason=WHY)
    assert "withdraw spend@1.1" in caught.value.remedy
    with pytest.raises(UsageError, match="needs a reason"):
        shop.withdraw("spend@1.1", reason=" ")
    before = record_of(shop).version("1.0")
    for file in shop._workspace.lake.files("spend", 1, before.delta_version):
        Path(file).unlink()  # others cannot read it, although it was computed here
    done = shop.withdraw("spend@1.1", reason=f"{WHY}.")
    assert done.what == f"spend 1.1 is withdrawn: {WHY}."
    said = "\n".join(done.notes)
    assert "spend@1 gives 1.0 again, and its readers are told why." in said
    assert "spend 1.0 cannot be read: " in said
    assert "rate 1.0 was made from it and keeps its values: `materialize rate` computes it from 1.0" in said
    assert "release 2026.11 pins it, and can no longer read it." in said
    assert "training set before has values of it." in said
    record = record_of(shop)
    assert (record.current, [version.status for version in record.versions]) == ("1.0", ["live", "withdrawn"])
    gone = record.versions[1].withdrawn
    assert gone is not None
    assert (gone.version, gone.reason, gone.by) == ("1.1", f"{WHY}.", shop.repository.identity())
    assert shop.repository.read("main", "features/spend.py") == parse_cell(SPEND).module
    body = git(shop.root, "log", "-1", "--format=%B", "main")
    assert WHY in body
    assert "Withdrawn: spend 1.1" in body

    for read in (
        lambda: store.training_set(SPINE, "spend@1.1"),  # type: ignore[attr-defined]  # as above
        lambda: store.get_feature("spend@1.1:visits", {"user": "u1"}),  # type: ignore[attr-defined]  # as above
        lambda: store.training_set(SPINE, "spend", release="2026.11"),  # type: ignore[attr-defined]  # as above
        lambda: shop.sql('select * from "release/2026.11".spend'),
    ):
        with pytest.raises(VersionWithdrawn, match=WHY) as refused:
            read()
        assert "Read spend@1.0 instead." in refused.value.remedy
    for reference in ("spend", "spend@1"):
        with pytest.warns(DeprecatedVersionWarning, match=f"{WHY}. spend@1.0 serves in its place"):
            assert "visits" not in store.training_set(SPINE, reference).frame.columns  # type: ignore[attr-defined]  # as above
    assert store.get_feature("spend@1:total", {"user": "u1"}).version == "1.0"  # type: ignore[attr-defined]  # as above
    assert shop.reproduce("before").passed
    assert shop.withdraw("spend@1.1", reason=WHY).what == "spend 1.1 is withdrawn already"

    back = shop.rollback("spend", "1.1")
    assert "It is in service again." in "\n".join(back.notes)
    assert record_of(shop).version("1.1").withdrawn is None
    assert record_of(shop).version("1.0").in_place_of is None
    assert "visits" in store.training_set(SPINE, "spend").frame.columns  # type: ignore[attr-defined]  # as above
    assert store.training_set(SPINE, "spend", release="2026.11").frame.height == 1  # type: ignore[attr-defined]  # as above


@pytest.mark.journey
def test_where_there_is_nothing_before_it_nothing_serves(shop: Project) -> None:
    shop.withdraw("spend@1.0", reason="Never right")
    assert record_of(shop).current == "1.1"
    done = shop.withdraw("spend@1", reason=WHY)
    assert "spend@1 gives nothing now" in done.notes[0]
    store = on_main(shop)
    for reference in ("spend", "spend@1", "spend@1.1:total"):
        with pytest.raises(VersionWithdrawn, match=WHY) as refused:
            store.training_set(SPINE, reference)  # type: ignore[attr-defined]  # a FeatureStore
        assert "No version of spend is served now; `rollback spend --to VERSION`" in refused.value.remedy
    with pytest.raises(VersionWithdrawn, match=WHY):
        store.get_feature("spend:total", {"user": "u1"})  # type: ignore[attr-defined]  # a FeatureStore
    assert next(entry for entry in store.catalog().entries if entry.view == "spend").status == "withdrawn"  # type: ignore[attr-defined]  # as above
    shop.define(ADDED.replace('owner="ann"', 'owner="bo"'), log=False)
    number = shop.promote("spend", accept={"spend": "again", "rate": "later"}).versions["spend"]
    assert store.training_set(SPINE, "spend").frame.height == 1  # type: ignore[attr-defined]  # as above
    assert record_of(shop).current == number
