"""On-demand views of a branch: tried on a sample when they are defined, computed row by row in training sets."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from tests.conftest import identify
from tests.store.conftest import START, opened, spine_of
from workbench import errors
from workbench.errors import WorkbenchError
from workbench.project import Project
from workbench.project.feature_store import facts_of
from workbench.store import FailedCheckWarning, facts_of_saved

if TYPE_CHECKING:
    from workbench.pipeline import ViewResult

RATIO = '''\
class Ratio(FeatureModel):
    ratio: float = Feature(unit="dimensionless", ge=0, nullable=True)
    is_large: bool


@on_demand(
    inputs=["spend:total", "recent:odd"],
    request={"amount": float},
    owner="risk",
    examples=[
        example(given={"rows": [{"total": 2.0, "amount": 4.0}]}, expect=[{"ratio": 2.0, "is_large": False}]),
        example(given={"rows": [{"amount": 40.0}]}, expect=[{"ratio": None, "is_large": True}]),
    ],
)
def ratio(rows: pl.LazyFrame) -> LazyFrame[Ratio]:
    """How large an amount is beside what was spent so far."""
    spent = pl.col("total") + pl.col("odd").fill_null(0.0)
    part = pl.when(pl.col("total") > 0).then(pl.col("amount") / spent)
    return rows.select(ratio=part, is_large=LARGE)
'''
LARGE = 'pl.col("amount") > 10'
SPINE = spine_of(("u0", 100.0), ("nobody", 100.0), ("u3", 50.5), ("u0", 2.0), ("u0", 100.0))
AMOUNTS = [1, 20, 3, 4, 1]


def with_amounts(spine: pl.DataFrame = SPINE, amounts: Any = AMOUNTS) -> pl.DataFrame:
    return spine.with_columns(pl.Series("amount", amounts))


def written(large: str = LARGE, text: str = RATIO) -> str:
    return text.replace("LARGE", large)


def define(project: Project, text: str) -> ViewResult:
    return project.define(text, log=False)


@pytest.fixture(scope="module")
def till(shop_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The shop with an on-demand view, for tests that only read or define it again."""
    folder = tmp_path_factory.mktemp("till")
    with pytest.MonkeyPatch.context() as environment:
        identify(folder, environment)
        project = opened(shop_once, folder / "trial", branch="exp/first")
        assert define(project, written()).passed
        yield project
        project.close()


@pytest.fixture
def other(till: Project) -> Iterator[Project]:
    """The till, for a test that defines the view otherwise."""
    yield till
    define(till, written())


def joined(project: Project, spine: pl.DataFrame, *features: str, **options: Any) -> pl.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return project.store.training_set(spine, list(features), **options).frame


def test_its_card_says_what_was_checked_and_that_nothing_is_stored(till: Project) -> None:
    (found,) = till.check("ratio")
    assert {check.name: check.state for check in found.checks} == {
        "contract": "pass",
        "row-wise": "pass",
        "determinism": "pass",
        "examples": "pass",
    }
    assert "nothing is stored" in found.card.notes[0]
    assert [feature.name for feature in found.profile.features] == ["ratio", "is_large"]


def test_a_training_set_applies_it_to_stored_features_as_known_and_the_spine(till: Project) -> None:
    spine = with_amounts()
    train = joined(till, spine, "ratio", "spend:total", label="label")
    assert train.columns == [*spine.columns, "ratio", "is_large", "total"]
    assert train.select(spine.columns).equals(spine)
    wanted = [None if not total else amount / total for amount, total in zip(AMOUNTS, train["total"], strict=True)]
    assert train["ratio"].to_list() == wanted
    assert train["is_large"].to_list() == [False, True, False, False, False]
    named = joined(till, spine, "ratio:is_large", "spend", full_names=True)
    assert named.columns[len(spine.columns) :] == ["ratio__is_large", "spend__total"]


def test_later_rows_of_its_inputs_change_nothing(till: Project) -> None:
    early = with_amounts(spine_of(("u0", 30.0)), [2.0])
    late = with_amounts(spine_of(("u0", 30.0), ("u0", 190.0)), [2.0, 2.0])
    first = joined(till, early, "ratio")["ratio"]
    both = joined(till, late, "ratio")["ratio"]
    assert first[0] == both[0] == 2.0 / joined(till, early, "spend:total")["total"][0]
    assert both[0] != both[1]


def test_each_row_of_a_training_set_is_what_it_would_be_alone(till: Project) -> None:
    spine = with_amounts()
    together = joined(till, spine, "ratio")
    alone = pl.concat(joined(till, spine[row], "ratio") for row in range(spine.height))
    assert together.equals(alone)


def test_the_ledger_says_what_it_was_computed_from(till: Project) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        train = till.store.training_set(with_amounts(), ["ratio"])
    (entry,) = train.ledger.on_demand
    assert (entry.view, entry.features, entry.request) == ("ratio", ("ratio", "is_large"), ("amount",))
    assert entry.inputs == ("spend:total", "recent:odd")
    assert (entry.rows, entry.null) == (5, 2)
    assert [view.view for view in train.ledger.views] == ["spend", "recent"]
    assert "Computed on demand" in train.ledger.report().text()
    with pytest.raises(errors.UsageError, match="computed on demand from spend:total, recent:odd, amount"):
        train.why_row(0, "ratio")
    assert train.why_row(0, "spend:total").value == train.frame["amount"][0] / train.frame["ratio"][0]


def test_a_saved_training_set_keeps_it_and_is_built_again(till: Project) -> None:
    joined(till, with_amounts(), "ratio", save="kept")
    saved = till.store.saved("kept")
    assert saved.ledger.on_demand[0].view == "ratio"
    assert [view.view for view in saved.views] == ["spend", "recent"]
    assert till.reproduce("kept").verdict == "identical"
    (computed,) = facts_of_saved(till._workspace, saved).computed
    assert computed.references == ("ratio:ratio", "ratio:is_large")
    assert facts_of(till._workspace, till.store, "ratio:is_large").computed[0].features == ("is_large",)
    assert "view ratio" in till.lineage("kept").report().text()


def test_the_status_of_its_branch_names_it(till: Project) -> None:
    (found,) = [view for view in till.status().views if view.name == "ratio"]
    assert (found.state, found.change) == ("on demand", "added")
    assert found.checks["row-wise"] == "pass"


@pytest.mark.parametrize(
    ("spine", "options", "said"),
    [
        (SPINE, {}, "no column 'amount', which on-demand view 'ratio' takes"),
        (with_amounts(amounts=["1"] * 5), {}, "'amount' of the spine is String"),
        (with_amounts(amounts=[True] * 5), {}, "'amount' of the spine is Boolean"),
        (with_amounts(amounts=[1, None, 3, 4, 5]), {}, "null in 1 of 5 rows"),
        (with_amounts(amounts=[2**53 + 1] * 5), {}, "has values that are not Float64"),
        (with_amounts(), {"label": "amount"}, "it would see what is to be predicted"),
        (with_amounts().with_columns(ratio=1), {}, "ratio"),
        (with_amounts(amounts=[-4, 20, 3, 4, 1]), {}, "values that its contract does not allow"),
    ],
)
def test_a_spine_that_does_not_fit_is_refused_by_name(
    till: Project, spine: pl.DataFrame, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(WorkbenchError, match=said) as raised:
        joined(till, spine, "ratio", **options)
    assert raised.value.remedy


def test_an_empty_spine_has_its_columns(till: Project) -> None:
    train = joined(till, with_amounts().clear(), "ratio")
    assert train.schema["ratio"] == pl.Float64()
    assert train.height == 0


def test_it_is_refused_where_stored_rows_are_wanted(till: Project) -> None:
    with pytest.raises(errors.FeatureNotFound, match="'ratio' is an on-demand view: it has no stored rows"):
        till.view("ratio")
    with pytest.raises(errors.WorkbenchError, match="it has no stored rows") as why:
        till.store.why("ratio:ratio", {"user": "u0"}, START + timedelta(hours=1))
    assert "spend:total, recent:odd, which have rows" in why.value.remedy
    compared: list[Callable[[], object]] = [
        lambda: till.diff("ratio"),
        lambda: till.diff("ratio", "main", "exp/first"),
        lambda: till.drift("ratio", reference="2024-01-01", current="exp/first"),
    ]
    for compare in compared:
        with pytest.raises(errors.FeatureNotFound, match="has no stored rows to compare") as refused:
            compare()
        assert "training sets" in refused.value.remedy
    with pytest.raises(errors.JoinError, match="under another name"):
        joined(till, with_amounts(), "ratio as other (user=user)")
    with pytest.raises(errors.FeatureNotFound, match="ratio:rato"):
        joined(till, with_amounts(), "ratio:rato")


def test_its_drift_is_that_between_the_rows_of_training_sets(till: Project, tmp_path: Path) -> None:
    spine = spine_of(*((f"u{number % 7}", 100.0 + number) for number in range(60)))
    small, large = (
        till.store.training_set(with_amounts(spine, [scale * number for number in range(60)]), ["ratio", "spend:total"])
        for scale in (1.0, 40.0)
    )
    found = till.drift("ratio", reference=small, current=large)
    assert {each.name for each in found.features} == {"ratio", "is_large"}
    assert "ratio" in {each.name for each in found.drifted}
    assert not till.drift("ratio:ratio", reference=small, current=small.frame).drifted
    large.frame.write_parquet(tmp_path / "large.parquet")
    small.save("before")
    assert till.drift("ratio", reference="before", current=str(tmp_path / "large.parquet")).drifted


def test_a_stored_view_cannot_read_it(till: Project) -> None:
    text = """
class Next(FeatureModel):
    user: str
    at: UTC
    x: float

@feature_view(entities="user", event_time="at")
def later(ratio: pl.LazyFrame) -> LazyFrame[Next]:
    return ratio
"""
    with pytest.raises(errors.DefinitionError, match="computed on demand and has no rows"):
        define(till, text)


BESIDE = {
    "an aggregate": 'pl.col("amount") > pl.col("amount").mean()',
    "the row before": 'pl.col("amount").shift(1, fill_value=0) > 3',
    "the rank": 'pl.col("amount").rank("ordinal") > 3',
    "the length": "pl.len() > 1",
    "rows above": 'pl.col("amount").cum_sum() > 50',
}


@pytest.mark.parametrize("large", [pytest.param(large, id=name) for name, large in BESIDE.items()])
def test_features_that_depend_on_rows_beside_them_are_found(other: Project, large: str) -> None:
    found = define(other, written(large))
    check = next(check for check in found.checks if check.name == "row-wise")
    assert check.failed
    assert check.failures is not None
    assert "is_large" in check.failures["column"].to_list()


def test_rows_in_another_order_are_found(other: Project) -> None:
    text = written().replace("return rows.select", 'return rows.sort("amount").select')
    check = next(check for check in define(other, text).checks if check.name == "row-wise")
    assert check.failed


@pytest.mark.parametrize(
    ("large", "kind", "said"),
    [
        ('pl.col("amont") > 3', "ComputeError", "no column 'amont'"),
        ('pl.col("amount").cast(pl.Int8)', "ContractViolation", "what its contract says"),
        ("undefined", "DefinitionError", "undefined"),
    ],
)
def test_what_cannot_be_computed_is_not_committed(other: Project, large: str, kind: str, said: str) -> None:
    before = other.repository.resolve("exp/first")
    with pytest.raises(getattr(errors, kind), match=said):
        define(other, written(large))
    assert other.repository.resolve("exp/first") == before


def test_rows_that_are_dropped_are_refused(other: Project) -> None:
    text = written().replace("return rows.select", 'return rows.filter(pl.col("amount") > 3).select')
    with pytest.raises(errors.ContractViolation) as raised:
        define(other, text)
    assert "a row for each" in " ".join(raised.value.lines)


def test_the_clock_is_found(other: Project) -> None:
    text = written().replace("ratio=part", "ratio=part + datetime.now().toordinal()")
    check = next(check for check in define(other, text).checks if check.name == "determinism")
    assert check.failed
    assert "take such a value from the request" in check.detail


def test_an_example_that_does_not_hold_fails_its_check(other: Project) -> None:
    found = define(other, written().replace('{"ratio": 2.0,', '{"ratio": 3.0,'))
    (said,) = found.failed
    assert said.startswith("examples: ")
    assert said.endswith("row 0: ratio is 2, expected 3")


def test_examples_may_stand_beside_it(other: Project) -> None:
    start, end = written().index("    examples=[\n"), written().index("    ],\n)\ndef ratio")
    rows = written()[start:end].replace("examples=[", "CASES = [").replace("    ", "")
    text = (written()[:start] + written()[end:].replace("    ],\n", "")).replace(
        "@on_demand", f"{rows}]\n\n\n@on_demand"
    )
    found = define(other, text)
    assert {check.name: check.detail for check in found.checks}["examples"] == "2 as expected"
    assert not found.not_checked


def test_a_training_set_of_a_branch_warns_where_a_check_failed(other: Project) -> None:
    define(other, written('pl.col("amount") > pl.col("amount").mean()'))
    with pytest.warns(FailedCheckWarning, match="View 'ratio' failed a check"):
        other.store.training_set(with_amounts(), ["ratio:is_large"])


def test_a_feature_set_may_have_it(other: Project) -> None:
    text = 'from workbench import feature_set\n\nrisk = feature_set("risk", ["ratio:is_large", "spend"])\n'
    other.repository.commit("exp/first", {"features/risk.py": text}, message="Name them")
    train = joined(other, with_amounts(), "risk")
    assert train.columns[-2:] == ["is_large", "total"]


def test_without_examples_values_are_made_up_and_bounds_are_not_judged_by_them(other: Project) -> None:
    start, end = written().index("    examples="), written().index(")\ndef ratio")
    text = (written()[:start] + written()[end:]).replace("ge=0", "le=0.001")
    found = define(other, text)
    assert found.passed
    assert found.not_checked[0].startswith("contract: columns and dtypes match; bounds and nulls are not checked")
    with pytest.raises(errors.ContractViolation, match="contract does not allow"):
        joined(other, with_amounts(), "ratio")
