"""Training sets: every row survives, in order, with the values that were known; bad input says what to do."""

from __future__ import annotations

import warnings
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import workbench as wb
from tests.conftest import EVENT_VIEW, events
from tests.point_in_time import reference
from tests.store.conftest import START, spine_of
from workbench import errors
from workbench.errors import UsageError
from workbench.store import LowMatchWarning, NaiveTimeWarning

if TYPE_CHECKING:
    from workbench.project import Project
    from workbench.store import TrainingSet

ANY = [("u0", 0.0), ("u3", 100.5), ("nobody", 50.0), (None, 60.0), ("u1", None), ("u0", 0.0)]
SPINE = spine_of(*ANY)


def built(project: Project, spine: Any, *features: str, **options: Any) -> TrainingSet:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LowMatchWarning)
        warnings.simplefilter("ignore", NaiveTimeWarning)
        return project.store.training_set(spine, list(features), **options)


def quiet(project: Project, spine: Any, *features: str, **options: Any) -> pl.DataFrame:
    return built(project, spine, *features, **options).frame


def test_rows_order_and_columns_of_the_spine_survive(shop: Project) -> None:
    train = quiet(shop, SPINE, "spend:total", "clock", "recent:odd", label="label")
    assert train.columns == ["user", "event_timestamp", "label", "total", "number", "odd"]
    assert train.select(SPINE.columns).equals(SPINE)
    assert train["total"].to_list() == [0.0, sum(float(n % 11) for n in range(3, 101, 7)), None, None, None, 0.0]
    assert train["number"].to_list() == [0, 100, 50, 60, None, 0]


def test_the_spine_may_have_columns_of_any_name(shop: Project) -> None:
    names = [
        "__outcome_0",
        "__outcome_1",
        "outcome 0",
        "outcome 0_",
        "outcome 1",
        "__row",
        "__at",
        "__key0",
        "place",
        "0 null",
    ]
    spine = SPINE.with_columns(pl.lit(number).alias(name) for number, name in enumerate(names))
    train = quiet(shop, spine, "spend:total", "clock", label="label")
    assert train.columns == [*spine.columns, "total", "number"]
    assert train.drop(names).equals(quiet(shop, SPINE, "spend:total", "clock", label="label"))
    assert train.select(names).row(0) == tuple(range(len(names)))


def test_features_come_in_the_order_they_were_asked_for_and_each_once(shop: Project) -> None:
    train = quiet(shop, SPINE, "recent:odd", "spend", "recent:amount", "recent:odd")
    assert train.columns[3:] == ["odd", "total", "amount"]


def test_a_feature_set_stands_for_its_features(shop: Project) -> None:
    assert quiet(shop, SPINE, "both").columns[3:] == ["number", "total"]
    assert quiet(shop, SPINE, "both", "recent:odd", full_names=True).columns[3:] == [
        "clock__number",
        "spend__total",
        "recent__odd",
    ]


def test_each_view_applies_its_own_ttl_and_what_was_known(shop: Project) -> None:
    spine = spine_of(("u0", 7.0), ("u0", 12.5), ("u0", 12.0))
    train = quiet(shop, spine, "recent:amount", "late:total")
    assert train["amount"].to_list() == [7.0, None, 7.0], "an event of minute 7 holds to minute 12, both ends included"
    assert train["total"].to_list() == [None, 0.0, 0.0], "the event of minute 7 is known from minute 17 on"
    hindsight = quiet(shop, spine, "late:total", as_known=False)
    assert hindsight["total"].to_list() == [7.0, 7.0, 7.0]


moments = st.none() | st.floats(-10, 250).map(lambda minutes: round(minutes, 2))
users = st.sampled_from(["u0", "u1", "u6", "nobody", None])


@pytest.mark.timeout(300)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(users, moments), max_size=12))
def test_no_row_is_lost_gained_or_moved_and_values_are_the_references(
    shop: Project, rows: list[tuple[str | None, float | None]]
) -> None:
    spine = spine_of(*rows).with_row_index("place")
    whole = built(shop, spine, "recent:amount", "late:total")
    train, ledger = whole.frame, whole.ledger
    assert train.select(spine.columns).equals(spine)
    by_user = {"user": "user"}
    recent, late = (shop.view(name).frame().collect().to_dicts() for name in ("recent", "late"))
    expected = reference.join(
        spine.to_dicts(),
        [
            reference.View(recent, by_user, {"amount": "amount"}, "at", timedelta(minutes=5), outcome="recent"),
            reference.View(late, by_user, {"total": "total"}, "at", None, "known", outcome="late"),
        ],
        time="event_timestamp",
        as_known=True,
    )
    assert train["amount"].to_list() == [row["amount"] for row in expected]
    assert train["total"].to_list() == [row["total"] for row in expected]
    assert ledger.rows_in == ledger.rows_out == len(rows)
    for entry in ledger.views:
        outcomes = [row[entry.view] for row in expected]
        assert entry.rows == len(rows)
        counted = {word: getattr(entry, word) for word in ("matched", "expired", "missing")}
        assert counted == {word: outcomes.count(word) for word in counted}


def test_the_ledger_says_what_became_of_every_row(shop: Project) -> None:
    spine = spine_of(("u0", 0.5), ("u0", 7.5), ("u0", 13.0), ("nobody", 7.5), (None, 7.5), ("u1", None))
    with pytest.warns(LowMatchWarning, match=r"recent has a value for 2 of 6 rows \(33\.3%"):
        train = shop.store.training_set(spine, ["recent"])
    ledger = train.ledger
    assert train.explain() is ledger
    (entry,) = ledger.views
    assert (entry.matched, entry.expired, entry.missing, entry.null, entry.unasked) == (2, 1, 3, 1, 2)
    assert entry.view_id == shop.view("recent").view_id
    assert ledger.to_dict()["views"][0]["expired"] == 1
    shown = ledger.report().text(width=160)
    assert "6 rows in, 6 rows out" in shown
    assert "2 rows have no time or no key" in shown


def test_the_share_that_warns_is_the_projects(shop: Project) -> None:
    spine = spine_of(("u0", 7.0), ("nobody", 7.0))
    assert len(shop.store.training_set(spine, "spend")) == 2, "half is enough by default"
    config = shop.root / "workbench.toml"
    config.write_text(config.read_text() + "\nminimum_match = 0.6\n")
    strict = wb.open(shop.root)
    strict.branch("exp/first")
    with pytest.warns(LowMatchWarning, match="requires 60%"):
        strict.store.training_set(spine, "spend")
    strict.close()


def test_a_share_that_is_none_is_refused(shop: Project) -> None:
    config = shop.root / "workbench.toml"
    config.write_text(config.read_text() + "\nminimum_match = 50\n")
    with pytest.raises(errors.ConfigError, match=r"policy\.minimum_match"):
        wb.open(shop.root)


def test_a_spine_without_rows_gives_a_training_set_without_rows(shop: Project) -> None:
    train = shop.store.training_set(SPINE.clear(), ["spend", "recent"], label="label")
    assert (len(train), bool(train), train.shape) == (0, True, (0, 6))
    assert train.columns == ["user", "event_timestamp", "label", "total", "amount", "odd"]
    assert train.ledger.warnings == ()


@pytest.mark.parametrize("at", [datetime(1905, 1, 1), datetime(1969, 12, 31, 23, tzinfo=UTC), datetime(1, 1, 1)])  # noqa: DTZ001 - naive on purpose
def test_a_time_before_the_first_row_or_the_epoch_matches_nothing(shop: Project, at: datetime) -> None:
    spine = pl.DataFrame({"user": ["u0"], "event_timestamp": [at]})
    assert quiet(shop, spine, "spend", "recent:amount")["total"].to_list() == [None]


@pytest.mark.parametrize("at", [datetime(2999, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)])
def test_a_time_in_the_far_future_has_the_last_value_or_an_expired_one(shop: Project, at: datetime) -> None:
    spine = pl.DataFrame({"user": ["u0"], "event_timestamp": [at]})
    train = built(shop, spine, "spend", "recent:amount")
    assert train.features["total"].to_list() == [shop.view("spend").frame().filter(user="u0").collect()["total"].max()]
    assert [entry.expired for entry in train.ledger.views] == [0, 1]


def test_dates_other_zones_and_naive_times_are_read_as_utc(shop: Project) -> None:
    moment = START + timedelta(minutes=7)
    zoned = pl.DataFrame({"user": ["u0"], "when": [moment]}).with_columns(
        pl.col("when").dt.convert_time_zone("America/New_York")
    )
    naive = pl.DataFrame({"user": ["u0"], "when": [moment.replace(tzinfo=None)]})
    for spine in (zoned, naive):
        train = quiet(shop, spine, "recent:amount", time="when")
        assert train["amount"].to_list() == [7.0]
        assert train["when"].to_list() == [moment]
    days = pl.DataFrame({"user": ["u0"], "when": [date(2024, 1, 1)]})
    assert quiet(shop, days, "recent:amount", time="when")["amount"].to_list() == [0.0]


def test_times_without_a_zone_are_warned_of_once(shop: Project) -> None:
    store = shop.store
    naive = pl.DataFrame({"user": ["u0"] * 3, "event_timestamp": [datetime(2024, 1, 1, 0, 7)] * 3})  # noqa: DTZ001
    with pytest.warns(NaiveTimeWarning, match="'event_timestamp' does not state a time zone: read as UTC") as seen:
        train = store.training_set(naive, ["spend", "clock"], save="naive")
    assert len(seen) == 1
    assert train.ledger.assumed == (str(seen[0].message),)
    assert store.saved("naive").ledger.assumed == (str(seen[0].message),)
    assert any("not state a time zone" in note for note in train.ledger.notes())
    days = pl.DataFrame({"user": ["u0"], "event_timestamp": [date(2024, 1, 1)]})
    assert store.training_set(days, "spend").ledger.assumed == (
        "'event_timestamp' is a date: read as midnight in UTC.",
    )
    assert store.training_set(SPINE[:1], "spend").ledger.assumed == ()


def test_a_time_zone_says_what_times_without_one_mean(shop: Project) -> None:
    store = shop.store
    local = datetime(2023, 12, 31, 19, 7)  # noqa: DTZ001  a local time
    naive = pl.DataFrame({"user": ["u0"], "event_timestamp": [local]})
    train = store.training_set(naive, "recent:amount", time_zone="America/New_York", save="local")
    assert train.frame["event_timestamp"].to_list() == [START + timedelta(minutes=7)]
    assert train.frame["amount"].to_list() == [7.0]
    assert train.ledger.assumed == ("'event_timestamp' does not state a time zone: read as America/New_York.",)
    assert shop.reproduce("local").verdict == "identical"
    days = pl.DataFrame({"user": ["u0"], "event_timestamp": [date(2024, 1, 1)]})
    train = store.training_set(days, "spend", time_zone="America/New_York")
    assert train.frame["event_timestamp"].to_list() == [START + timedelta(hours=5)]


def test_an_hour_that_comes_twice_is_the_first_and_one_that_is_skipped_is_refused(shop: Project) -> None:
    naive = pl.DataFrame({"user": ["u0"], "event_timestamp": [datetime(2024, 11, 3, 1, 30)]})  # noqa: DTZ001
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LowMatchWarning)
        train = shop.store.training_set(naive, "spend", time_zone="America/New_York")
    assert train.frame["event_timestamp"].to_list() == [datetime(2024, 11, 3, 5, 30, tzinfo=UTC)]
    assert "1 time of 'event_timestamp' came twice" in train.ledger.assumed[1]
    skipped = pl.DataFrame({"user": ["u0"], "event_timestamp": [datetime(2024, 3, 10, 2, 30)]})  # noqa: DTZ001
    with pytest.raises(UsageError, match=r"never was on a clock in America/New_York, e\.g\. 2024-03-10 02:30:00"):
        shop.store.training_set(skipped, "spend", time_zone="America/New_York")


def test_a_time_zone_that_says_nothing_is_refused(shop: Project) -> None:
    with pytest.raises(UsageError, match="for times that state no zone"):
        shop.store.training_set(SPINE, "spend", time_zone="America/New_York")
    naive = SPINE.with_columns(pl.col("event_timestamp").dt.replace_time_zone(None))
    with pytest.raises(UsageError, match=r"did you mean 'America/New_York'\?\n"):
        shop.store.training_set(naive, "spend", time_zone="America/NewYork")


@pytest.mark.parametrize(
    ("spine", "features", "options", "error", "says"),
    [
        (SPINE.drop("user"), ["spend"], {}, errors.JoinError, "no column 'user'"),
        (SPINE.rename({"user": "users"}), ["spend"], {}, errors.JoinError, "did you mean 'users'"),
        (SPINE.drop("event_timestamp"), ["spend"], {}, errors.JoinError, "no column 'event_timestamp'"),
        (SPINE, ["spend"], {"time": "event_timestmp"}, errors.JoinError, "did you mean 'event_timestamp'"),
        (SPINE, ["spend"], {"label": "lable"}, errors.JoinError, "did you mean 'label'"),
        (
            SPINE.with_columns(user=pl.lit(7)),
            ["spend"],
            {},
            errors.JoinError,
            "'user' is Int32, but 'user' of view 'spend' is String",
        ),
        (SPINE.with_columns(user=pl.lit(7)), ["spend"], {}, errors.JoinError, "cast(pl.String)"),
        (SPINE.with_columns(event_timestamp=pl.lit("x")), ["spend"], {}, errors.JoinError, "not a datetime"),
        (SPINE, ["spned"], {}, errors.FeatureNotFound, "did you mean 'spend'"),
        (SPINE, ["spend:totla"], {}, errors.FeatureNotFound, "did you mean 'spend:total'"),
        (SPINE, ["boht"], {}, errors.FeatureNotFound, "did you mean 'both'"),
        (SPINE, ["number"], {}, errors.FeatureNotFound, "'clock:number'"),
        (SPINE, ["total"], {}, errors.FeatureNotFound, "'late:total' or 'spend:total'"),
        (SPINE, ["spend", "late"], {}, errors.JoinError, "view 'spend' and view 'late' both have a column 'total'"),
        (SPINE.rename({"label": "total"}), ["spend"], {}, errors.JoinError, "full_names=True"),
        (SPINE, ["spend@2:total"], {}, errors.FeatureNotFound, "promote spend"),
        (SPINE, ["spend@x:total"], {}, errors.UsageError, "spend@2"),
        (SPINE, ["spend"], {"release": "2026.11"}, errors.PromotionError, "`release cut NAME`"),
        (SPINE, [], {}, errors.UsageError, "No features"),
        (SPINE, ["spend:"], {}, errors.UsageError, "does not name a feature"),
        (SPINE, [""], {}, errors.UsageError, "not a reference"),
        (SPINE.to_dict(), ["spend"], {}, errors.JoinError, "not a table"),
    ],
)
def test_bad_input_says_what_is_wrong_and_what_to_do(
    shop: Project, spine: Any, features: list[str], options: dict[str, Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error) as raised:
        shop.store.training_set(spine, features, **options)
    assert isinstance(raised.value, errors.WorkbenchError)
    assert says in str(raised.value)
    assert raised.value.remedy


def test_a_name_of_both_a_view_and_a_feature_set_is_refused(shop: Project) -> None:
    text = 'from workbench import feature_set\n\nx = feature_set("spend", ["clock"])\n'
    shop.repository.commit("exp/first", {"features/more.py": text}, message="Name it twice")
    with pytest.raises(errors.UsageError, match="both a view and a feature set"):
        shop.store.training_set(SPINE, ["spend"])


def test_names_that_collide_are_told_apart_in_full(shop: Project) -> None:
    train = quiet(shop, SPINE, "spend", "late", full_names=True)
    assert train.columns[3:] == ["spend__total", "late__total"]


def test_an_experiment_trains_on_its_own_features(shop: Project) -> None:
    before = shop.store
    shop.branch("exp/second", start="exp/first")
    shop.define(EVENT_VIEW.replace("cum_sum()", "cum_max()"), log=False)
    spine = spine_of(("u0", 190.0))
    assert shop.store.training_set(spine, "spend").frame["total"].to_list() == [10.0]
    own, other = shop.store.training_set(spine, "spend"), before.training_set(spine, "spend")
    assert other.features.item() > 10
    assert (own.ledger.branch, other.ledger.branch) == ("exp/second", "exp/first")


def test_new_data_is_read_and_each_training_set_keeps_its_own_ledger(shop: Project) -> None:
    spine = spine_of(("u0", 10_000.0))
    first = shop.store.training_set(spine, "clock")
    before = first.ledger
    events(300).write_parquet(shop.root / "data" / "events.parquet")
    second = shop.store.training_set(spine_of(("u0", 10_000.0), ("u0", 10_001.0)), "clock")
    assert second.features["number"].to_list() == [299, 299]
    assert first.ledger is before
    assert (first.ledger.rows_in, second.ledger.rows_in) == (1, 2)
    assert first.ledger.views[0].view_id != second.ledger.views[0].view_id


def test_values_of_a_view_that_failed_its_contract_are_not_given_in_silence(project: Project) -> None:
    assert not project.define(EVENT_VIEW.replace("ge=0)", "ge=5)"), log=False).passed
    spine = spine_of(("u0", 100.0))
    with pytest.warns(wb.FailedCheckWarning, match="'spend' failed a check"):
        project.store.training_set(spine, ["spend"])
    project.define(EVENT_VIEW, log=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        project.store.training_set(spine, ["spend"])
