"""Completion: project facts in, candidates out; what comes too late is shown by the next Tab."""

from __future__ import annotations

import inspect
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from workbench.cli import WITH_PROJECT, WITHOUT_PROJECT, cell
from workbench.errors import ProjectError
from workbench.notebook import cell_candidates, line_candidates, option_candidates, split_line
from workbench.notebook.completer import Completer
from workbench.notebook.completion import role_of
from workbench.pipeline import KINDS
from workbench.project import KnownView

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.notebook import Candidate
    from workbench.project import KnownNames, Project


class Shop:
    """What can be named in a small shop."""

    views: Mapping[str, KnownView] = {
        "spend": KnownView("spend", {"total": "float", "n": "int"}, ("user", "shop"), ("2.1", "2.0", "1.0")),
        "stock": KnownView("stock", {"left": "Int64"}, ("shop",), ("1.0",), is_on_branch=False),
        "trial": KnownView("trial", {"odd": ""}, ("user",)),
    }

    def branches(self) -> Mapping[str, str]:
        return {"main": "what is published", "exp/spend": "Predict"}

    def feature_sets(self) -> tuple[str, ...]:
        return ("shop_features",)

    def sources(self) -> Mapping[str, str]:
        return {"orders": "Every order", "plans": ""}

    def columns(self, table: str) -> Mapping[str, str]:
        return {"orders": {"Customer ID": "String", "at": "Datetime", "amount": "Float64"}, "plans": {"rate": "Int64"}}[
            table
        ]

    def releases(self) -> tuple[str, ...]:
        return ("2026.11",)

    def training_sets(self) -> tuple[str, ...]:
        return ("first_try",)

    def experiments(self) -> Mapping[str, str]:
        return {"linear": "exp/spend"}

    def runs(self) -> Mapping[str, str]:
        return {"0123456789ab": "spend on exp/spend"}

    def values(self, view: str, key: str) -> tuple[str, ...]:
        return {"user": ("ann", "bob"), "shop": ("7",)}[key] if view == "spend" else ()

    def files(self, begun: str, *, folder: Path) -> Mapping[str, str]:
        return {f"{begun}.csv": "file"}


SHOP = cast("KnownNames", Shop())


def at(line: str) -> dict[str, Candidate]:
    words, token = split_line(line)
    return {each.text: each for each in line_candidates(words, token, SHOP, folder=Path())}


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("stat", ["status"]),
        ("new ", list(KINDS)),
        ("new lag o", ["orders"]),
        ("new on-view tr", ["trial"]),
        ("branch exp/", ["exp/spend"]),
        ("branch exp/spend --obj", ["--objective"]),
        ("why spend:", ["spend:total", "spend:n"]),
        ("why spend@2:t", ["spend@2:total"]),
        ("why sp", ["spend"]),
        ("why spend", ["spend", "spend:total", "spend:n"]),
        ("get spend@", ["spend@2", "spend@1", "spend@2.1", "spend@2.0", "spend@1.0"]),
        ("get spend --entity ", ["user=", "shop="]),
        ("why spend:total --entity user=ann --entity ", ["shop="]),
        ("why spend:total --entity user=", ["user=ann", "user=bob"]),
        ("why spend:total --entity user=b", ["user=bob"]),
        ("rollback ", ["spend", "stock"]),
        ("rollback spend --to ", ["2.1", "2.0", "1.0"]),
        ("deprecate sto", ["stock@1"]),
        ("remove ", ["spend", "trial"]),
        ("compute st", []),
        ("diff spend --left @", ["@2.1", "@2.0", "@1.0"]),
        ("drift spend --reference rel", ["release/2026.11"]),
        ("drift spend --by ", ["user", "shop"]),
        ("compare li", ["linear"]),
        ("compare main 0123", ["0123456789ab"]),
        ("reproduce f", ["first_try"]),
        ("promote shop", ["shop_features"]),
        ("promote spend --accept spend:", ["spend:total=", "spend:n="]),
        ("training-set spine", ["spine.csv"]),
        ("training-set spine.csv spend:t", ["spend:total"]),
        ("training-set spine.csv spend:total sto", ["stock"]),
        ("training-set spine.csv --release ", ["2026.11"]),
        ("release c", ["cut"]),
        ("release drop ", ["2026.11"]),
        ("online ver", ["verify"]),
        ("online --fu", ["--full"]),
        ("init --from ord", ["ord.csv"]),
        ('branch exp/x --objective "Try this" --met', ["--metric"]),
        ("nonsense ", []),
        ("why spend --at ", []),
    ],
)
def test_what_may_stand_at_the_cursor(line: str, found: list[str]) -> None:
    assert list(at(line)) == found


def test_candidates_say_what_they_are() -> None:
    assert (at("stat")["status"].kind, "where you are" in at("stat")["status"].detail) == ("verb", True)
    assert (at("why spend:")["spend:n"].kind, at("why spend:")["spend:n"].detail) == ("feature", "int")
    assert at("why s")["spend"].detail == "of user, shop, version 2.1"
    assert at("branch m")["main"].detail == "what is published"
    assert "trailers" not in at("branch x --obj")["--objective"].detail
    assert at("branch x --obj")["--objective"].detail.startswith("What the experiment is for")
    words = [each.text for each in option_candidates(["--no-log"], "--", SHOP, folder=Path())]
    assert "--message" in words
    assert "--no-log" not in words


FREE = {
    *("at", "data", "full", "deep", "delete", "dry_run", "force", "hypothesis", "host", "label", "limit", "message"),
    *("push", "reason"),
    *("metric", "name", "log", "note", "objective", "on_demand", "open", "port", "revoke", "run", "save", "since"),
    *("stop", "tag", "time", "time_zone", "token", "traces", "until", "url", "with_downstream", "workers", "query"),
    *(
        "all_rows",
        "by_column",
        "full_names",
        "log_reads",
        "scope",
        "days",
        "expires",
        "helper",
        "action",
        "project",
        "progress",
    ),
    "text",
}
"""Parameters whose values nobody but the user knows, that take none, or that say their choices themselves."""


def test_of_every_parameter_it_is_decided_what_it_stands_for() -> None:
    open_questions = {
        f"{word} {name}"
        for word, verb in {**WITHOUT_PROJECT, **WITH_PROJECT, "cell": cell}.items()
        for name in inspect.signature(verb).parameters
        if role_of(word, name) is None and name not in FREE
    }
    assert not open_questions, "put it into ROLES or OF_VERBS of workbench/notebook/completion.py, or into FREE here"


CELL = '''\
class Spend(FeatureModel):
    user: str
    at: UTC
    total: float = Feature(ge=0)

@feature_view(entities="user", event_time="at")
def spend(orders: pl.LazyFrame) -> LazyFrame[Spend]:
    """Not a "col"umn."""
    return orders.select(user="|Cust", total=pl.col("amount").cum_sum())  # it's |
'''


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (CELL.replace("|Cust", "Cust|", 1), ["Customer ID"]),
        (CELL.replace("|Cust", "a|", 1).replace("cum_sum())", "cum_sum("), ["at", "amount"]),
        (CELL.replace("|Cust", "to|", 1), ["total"]),
        (CELL.replace("|Cust", "x", 1), []),
        ("@feature_view(entities='|", ["Customer ID", "at", "amount", "rate"]),
        ("def spend(|", ["orders", "plans", "spend", "stock", "trial"]),
        ("def spend(orders: pl.LazyFrame, pl|", ["plans"]),
        ("def spend(orders: Lazy|", ["LazyFrame"]),
        ("class A(Feature|", ["Feature", "FeatureModel"]),
        ("    return wind|", ["windowed"]),
        ("    pl.wind|", []),
    ],
)
def test_a_cell_knows_columns_sources_and_its_names(text: str, found: list[str]) -> None:
    text, _, rest = text.partition("|")
    assert [each.text for each in cell_candidates(text + rest, len(text), SHOP)] == found


class Held:
    """A project that does not answer until it is let go."""

    def __init__(self) -> None:
        self.gate = threading.Event()

    def __call__(self) -> Project:
        self.gate.wait(60)
        return cast("Project", self)

    def __getattr__(self, name: str) -> Any:
        raise ProjectError("not a project", remedy="none")


def test_a_project_that_does_not_answer_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.notebook.completer.BUDGET", 0.05)
    held, loaded = Held(), threading.Event()
    completer = Completer(held, loaded.is_set)
    assert completer.line("stat", is_cell=False) == []
    loaded.set()
    assert [each.text for each in completer.line("stat", is_cell=False)] == ["status"]
    assert completer.line("why s", is_cell=False) == []
    assert completer.cell("x = wind", 8)[0].text == "windowed"
    held.gate.set()
    monkeypatch.setattr("workbench.notebook.completer.BUDGET", 60)
    assert completer._thread is not None
    completer._thread.join(60)
    monkeypatch.setattr(completer, "_names", lambda: SHOP)
    assert [each.text for each in completer.line("why sp", is_cell=False)] == ["spend"]
