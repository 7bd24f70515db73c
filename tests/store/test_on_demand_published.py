"""Publishing on-demand views: versions without data, whose inputs are pinned to their major version."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest

import workbench as wb
from tests.conftest import EVENT_VIEW
from tests.store.conftest import opened
from tests.store.stage import commit
from tests.store.test_on_demand import define, with_amounts, written
from workbench import errors
from workbench.project import Project
from workbench.promote.pins import Pin, pins
from workbench.registry import OnDemandRecord, Registry
from workbench.store import RegistryReader

TWELVE = with_amounts(amounts=[12.0] * 5)


@pytest.fixture
def kiosk(kiosk_once: Path, tmp_path: Path, identity: None) -> Iterator[Project]:
    """A copy of the kiosk, on the experiment."""
    project = opened(kiosk_once, tmp_path / "trial", branch="exp/first")
    yield project
    project.close()


def record_of(project: Project) -> OnDemandRecord:
    return Registry.at(project.repository).on_demand("ratio")


def published(project: Project, *features: str, spine: pl.DataFrame = TWELVE) -> pl.DataFrame:
    with warnings.catch_warnings(), closing(wb.open(project.root, branch="main")) as main:
        warnings.simplefilter("ignore", UserWarning)
        return main.store.training_set(spine, list(features)).frame


def test_its_record_has_versions_and_pinned_inputs_and_the_lake_nothing(kiosk: Project) -> None:
    record = record_of(kiosk)
    version = record.version()
    assert (record.current, version.category, version.status) == ("1.0", "new", "live")
    assert [each["ref"] for each in version.reads] == ["spend@1:total", "recent@1:odd"]
    assert [each.name for each in version.request] == ["amount"]
    assert version.contract.names == ("ratio", "is_large")
    assert record == OnDemandRecord.from_toml(record.to_toml(), path="registry/on_demand/ratio.toml")
    assert Registry.at(kiosk.repository).views == ("recent", "spend")
    found = published(kiosk, "ratio", "spend:total")
    assert found["ratio"].to_list() == [12.0 / total if total else None for total in found["total"]]


def test_what_is_published_already_is_not_published_again(kiosk: Project) -> None:
    with pytest.raises(errors.PromotionError, match="already published as it is"):
        kiosk.promote("ratio")


def test_other_code_makes_a_major_version_and_the_old_one_stays(kiosk: Project) -> None:
    assert published(kiosk, "ratio:is_large")["is_large"].to_list() == [True] * 5
    define(kiosk, written('pl.col("amount") > 15'))
    report = kiosk.promote("ratio")
    assert report.versions == {"ratio": "2.0"}
    assert "Computed on demand" in report.report().text()
    assert published(kiosk, "ratio:is_large")["is_large"].to_list() == [False] * 5
    assert published(kiosk, "ratio@2:is_large")["is_large"].to_list() == [False] * 5
    assert published(kiosk, "ratio@1:is_large")["is_large"].to_list() == [True] * 5
    with pytest.raises(errors.FeatureNotFound, match="no version 3"):
        published(kiosk, "ratio@3:is_large")


def test_another_description_is_a_minor_version_and_a_comment_none(kiosk: Project) -> None:
    define(kiosk, written().replace("How large", "# How large"))
    assert kiosk.promote("ratio").versions == {"ratio": "1.1"}
    assert [version.status for version in record_of(kiosk).versions] == ["superseded", "live"]
    assert published(kiosk, "ratio@1:is_large")["is_large"].to_list() == [True] * 5
    define(kiosk, written().replace("How large", "# How large").replace("    part =", "    # a part\n    part ="))
    with pytest.raises(errors.PromotionError, match="already published as it is"):
        kiosk.promote("ratio")


def test_its_inputs_stay_at_their_major_version(kiosk: Project) -> None:
    before = published(kiosk, "ratio:ratio")
    kiosk.define(EVENT_VIEW.replace("cum_sum()", "cum_max()"), log=False)
    assert kiosk.promote("spend", accept={"spend": "it is meant"}).versions == {"spend": "2.0"}
    assert published(kiosk, "ratio:ratio").equals(before)
    assert kiosk.promote("ratio").versions == {"ratio": "2.0"}
    assert record_of(kiosk).version().reads[0]["ref"] == "spend@2:total"
    assert not published(kiosk, "ratio:ratio").equals(before)


def test_a_check_that_fails_stops_it(kiosk: Project) -> None:
    define(kiosk, written('pl.col("amount") > pl.col("amount").mean()'))
    with pytest.raises(errors.PromotionRefused, match="row-wise of ratio"):
        kiosk.promote("ratio")
    assert record_of(kiosk).current == "1.0"


def test_what_was_not_checked_needs_a_reason(kiosk: Project) -> None:
    start, end = written().index("    examples="), written().index(")\ndef ratio")
    define(kiosk, (written()[:start] + written()[end:]).replace("ge=0", "le=0.001"))
    with pytest.raises(errors.PromotionRefused, match="contract of ratio"):
        kiosk.promote("ratio")
    assert kiosk.promote("ratio", accept={"ratio:contract": "amounts are small"}).versions == {"ratio": "2.0"}
    assert record_of(kiosk).version().accepted == ("ratio:contract: amounts are small",)


def test_policy_holds_for_it(kiosk: Project) -> None:
    rule = '\nrules = [{ views = ["ratio"], promoters = ["ann@example.com"] }]\n'
    toml = kiosk.root / "workbench.toml"
    commit(kiosk, {"workbench.toml": toml.read_text() + rule}, "Say who promotes")
    define(kiosk, written('pl.col("amount") > 15'))
    with pytest.raises(errors.PromotionRefused, match="promoters"):
        kiosk.promote("ratio")


def test_a_stored_view_cannot_take_its_name(kiosk: Project) -> None:
    text = EVENT_VIEW.replace("def spend", "def ratio")
    kiosk.define(text, log=False)
    with pytest.raises(errors.PromotionError, match="published as an on-demand view"):
        kiosk.promote("ratio")


def test_verbs_about_data_say_that_it_has_none(kiosk: Project) -> None:
    with pytest.raises(errors.FeatureNotFound, match="on-demand view: it has no stored rows"):
        kiosk.rollback("ratio", to="1.0")
    with pytest.raises(errors.FeatureNotFound, match="on-demand view: it has no stored rows"):
        kiosk.retire("ratio@1")
    kiosk.materialize()


def test_retiring_what_it_reads_names_it(kiosk: Project) -> None:
    registry = Registry.at(kiosk.repository)
    found = pins(kiosk._workspace, registry, "spend", registry.version("spend"))
    assert Pin("view", "ratio", "1.0 reads spend@1:total on demand") in found


def test_a_release_reads_it_as_it_was(kiosk: Project) -> None:
    kiosk.cut_release("2026.11")
    define(kiosk, written('pl.col("amount") > 15'))
    kiosk.promote("ratio")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        then = kiosk.store.training_set(TWELVE, ["ratio:is_large"], release="2026.11")
    assert then.frame["is_large"].to_list() == [True] * 5


def test_catalog_and_lineage_show_it(kiosk: Project) -> None:
    catalog = kiosk.store.catalog()
    entry = next(entry for entry in catalog if entry.view == "ratio")
    assert (entry.version, entry.entities, entry.request) == ("1.0", ("user",), ("amount",))
    page = catalog.on_demand("ratio")
    assert page.to_dict()["reads"] == {"total": "spend@1:total", "odd": "recent@1:odd"}
    assert "nothing is stored" in page.report().text()
    assert kiosk.store.look_up("ratio").to_dict() == page.to_dict()
    with pytest.raises(errors.FeatureNotFound, match="on-demand view"):
        catalog["ratio"]
    drawn = kiosk.lineage("ratio").report().text()
    assert "computed on demand" in drawn
    assert "view spend" in drawn


def test_looking_imports_no_definition(kiosk: Project) -> None:
    before = {*sys.modules}
    reading = RegistryReader.of(kiosk._workspace)
    found = reading.on_demand("ratio")
    assert found is not None
    assert not [name for name in {*sys.modules} - before if name.endswith(".ratio")]
    found.compute(pl.DataFrame({"total": [2.0], "odd": [None], "amount": [3.0]}))
    assert [name for name in {*sys.modules} - before if name.endswith(".ratio")]
