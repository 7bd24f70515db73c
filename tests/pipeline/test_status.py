"""`status` is the home page: what fails first, then what to do next, then where things stand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from workbench.pipeline import Status
from workbench.pipeline.freshness import Freshness
from workbench.pipeline.status import ViewStatus
from workbench.tracking import TrackingStatus

TRACKING = TrackingStatus("sqlite:///mlflow.db", True, 0, None, (), False, None)  # noqa: FBT003 - reachable, not sending
PASSING = tuple(
    ViewStatus(f"v{place}", "computed", "1" * 64, "added", "", {"contract": "pass"}, 10) for place in range(8)
)
LEAKS = ViewStatus("wide", "computed", "2" * 64, "added", "", {"contract": "pass", "leakage": "fail"}, 10)
BROKEN = ViewStatus("zeta", "broken", None, None, "there is no source 'evnets'")
BEHIND = Freshness("spend", "1.0", "behind", datetime(2026, 1, 2, tzinfo=UTC), "events changed since")
CURRENT = Freshness("rate", "2.1", "current", None, "")
HOME = Status(
    project="shop",
    root=Path("/shop"),
    branch="exp/a",
    tip="c" * 40,
    is_protected=False,
    objective="Sell more",
    ahead=3,
    dirty=(),
    changed={f"features/{view.name}.py": "added" for view in PASSING},
    views=(*PASSING, LEAKS, BROKEN),
    sources=("events",),
    runs=(),
    tracking=TRACKING,
)


def test_what_fails_leads_with_its_remedy_and_the_table_begins_with_it() -> None:
    said = replace(HOME, published=(CURRENT, BEHIND), unshared="Others cannot read it.").report().text(width=80)
    assert said.startswith("shop: on exp/a. 2 of 10 views fail.")
    words = [
        "zeta: there is no source",
        "wide: leakage",
        "`check wide`",
        "spend 1.0 (since 2026-01-02 00:00 UTC): events",
    ]
    places = [said.index(word) for word in (*words, "`materialize`", "Others cannot read it.", "objective", "Views\n")]
    assert places == sorted(places)
    listed = said[said.index("Views\n") :].splitlines()[2:]
    assert [line.split()[0] for line in listed[:3]] == ["wide", "zeta", "v0"]
    assert "promote" not in said, "first what fails is put right"
    assert max(map(len, said.splitlines())) <= 80


def test_where_nothing_fails_it_says_what_to_do_next() -> None:
    sound = replace(HOME, views=PASSING)
    assert sound.report().title == "shop: on exp/a. All 8 views pass."
    assert sound.report().steps == ("`promote --dry-run` shows what publishing v0, v1, v2, v3 and 4 more would do.",)
    assert "--objective" in replace(sound, objective=None).report().steps[0]
    waiting = replace(sound, views=(*PASSING, ViewStatus("new", "to compute", "3" * 64, "added", "")))
    assert waiting.report().steps == ("`compute` computes and checks new.",)
    assert waiting.report().title.endswith("No view fails; 1 of 9 is not checked in full.")
    assert "`new`" in replace(HOME, views=()).report().steps[0]
    assert "init --from" in replace(HOME, sources=()).report().steps[0]
    main = replace(sound, branch="main", is_protected=True)
    assert main.report().title == "shop: on main (protected). Nothing is published yet."
    assert (
        replace(main, published=(CURRENT, BEHIND)).report().title.endswith("1 of 2 published versions are not current.")
    )
    assert "branch exp/<name>" in main.report().steps[0]


def test_mlflow_and_its_queue_are_told() -> None:
    away = replace(TRACKING, reachable=False, queued=2, last_error="connection refused")
    said = replace(HOME, tracking=away).report().text(width=120)
    assert "sqlite:///mlflow.db, not reachable, 2 runs waiting" in said
    assert "! warning  MLflow: MLflow does not have 2 run(s) yet" in said
