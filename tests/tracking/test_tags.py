"""How tags read in MLflow: short names, and what only identifies in one artifact."""

from __future__ import annotations

import json

from tests.tracking.stores import make_record
from workbench.tracking.tags import identity_text, shown_tags


def test_a_tag_of_the_users_keeps_its_name_beside_ours() -> None:
    record = make_record(tags={"branch": "theirs", "workbench.branch": "exp/a", "workbench.objective": "Less delay"})
    assert shown_tags(record) == {"branch": "theirs", "workbench.branch": "exp/a", "objective": "Less delay"}
    assert identity_text(record) is None


def test_every_tag_is_shown_or_identifies_and_a_users_digest_stays_a_tag() -> None:
    ours = {"code_hash": "a" * 64, "data_digest": f"{'b' * 64}, {'c' * 64}", "view_id": "d" * 64, "version.polars": "2"}
    record = make_record(tags={"sha": "e" * 64} | {f"workbench.{name}": value for name, value in ours.items()})
    assert shown_tags(record) == {"sha": "e" * 64, "view_id": "d" * 64}
    assert json.loads(identity_text(record) or "") == {name: ours[name] for name in ours if name != "view_id"}


def test_checks_are_one_tag_with_those_first_that_did_not_pass() -> None:
    checks = {"contract": "passed", "leakage": "failed", "lookback": "not checked", "tests": "passed"}
    record = make_record(tags={f"workbench.checks.{name}": state for name, state in checks.items()})
    assert shown_tags(record) == {"checks": "leakage failed; lookback not checked; 2 passed"}
