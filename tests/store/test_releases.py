"""Releases: everything is read as a release has it, and what is no release is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conftest import EVENT_VIEW
from tests.git.plain import make_key
from tests.store.conftest import spine_of
from tests.store.stage import change, commit, git, publish
from workbench import errors

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.project import Project

SPINE = spine_of(("u0", 190.0))
MORE_SETS = 'from workbench import feature_set\n\nboth = feature_set("both", ["recent:odd"])\n'


@pytest.fixture
def released(mart: Project) -> Project:
    """The mart released as 2026.11, and everything moved on since."""
    git(mart, "tag", "-a", "-m", "Release 2026.11", "release/2026.11", "main")
    mart.define(EVENT_VIEW.replace("cum_sum()", "cum_min()"), branch="exp/first", log=False)
    publish(mart, "spend", "3.0")
    change(mart, "spend", "1.0", status="retired")
    change(mart, "spend", "2.0", status="deprecated")
    commit(mart, {"features/sets.py": MORE_SETS}, "Name other features")
    return mart


@pytest.mark.journey
def test_a_release_is_read_as_it_was_feature_sets_included(released: Project) -> None:
    store = released.store
    assert store.training_set(SPINE, "spend").frame["total"].to_list() == [0.0]
    assert store.training_set(SPINE, "spend", release="2026.11").frame["total"].to_list() == [10.0]
    assert store.training_set(SPINE, "both").columns[-1] == "odd"
    then = store.at(release="2026.11")
    both = then.training_set(SPINE, "both").frame
    assert both["total"].to_list() == [138.0], "a version retired since, by its feature set"
    assert then.snapshot("spend")["total"].max() == 10.0
    assert then.why("spend", {"user": "u0"}, SPINE["event_timestamp"][0]).release == "2026.11"
    assert (then.release, store.release) == ("2026.11", None)
    assert "release 2026.11" in repr(then)
    with pytest.raises(errors.FeatureNotFound, match="no version 3"):
        then.snapshot("spend@3")


def test_an_experiment_may_train_on_a_release(released: Project) -> None:
    released.branch("exp/first")
    train = released.store.training_set(SPINE, "spend", release="2026.11")
    assert train.frame["total"].to_list() == [10.0]
    ledger = train.ledger
    assert (ledger.branch, ledger.release) == ("main", "2026.11")
    assert "2026.11" in ledger.report().text()


@pytest.mark.parametrize(
    ("name", "error", "says"),
    [
        ("2026.12", errors.PromotionError, "did you mean '2026.11'"),
        ("light", errors.PromotionError, "lightweight tag"),
        ("aside", errors.PromotionError, "not in the history of 'main'"),
        ("../heads/main", errors.InvalidName, "release"),
        ("-d", errors.InvalidName, "release"),
        ("", errors.InvalidName, "release"),
        ("a" * 400, errors.InvalidName, "release"),
    ],
)
def test_what_is_no_release_is_refused(released: Project, name: str, error: type[Exception], says: str) -> None:
    git(released, "tag", "release/light", "main")
    git(released, "tag", "-a", "-m", "x", "release/aside", "exp/first")
    with pytest.raises(error, match=says):
        released.store.at(release=name)


def test_a_release_without_a_signature_is_refused_where_mains_policy_wants_one(
    released: Project, tmp_path: Path
) -> None:
    toml = (released.root / "workbench.toml").read_text()
    (released.root / "workbench.toml").write_text(toml + "\nrequire_signed = true\n")
    assert released.store.at(release="2026.11").release == "2026.11", "the policy is main's, not the working tree's"
    git(released, "checkout", "--quiet", "--force", "exp/first")
    wanted = git(released, "show", "main:workbench.toml") + "\nrequire_signed = true\n"
    commit(released, {"workbench.toml": wanted}, "Want signatures")
    with pytest.raises(errors.PromotionError, match=r"cannot be trusted: It is not signed"):
        released.store.at(release="2026.11")

    key = make_key(tmp_path / "key")
    signed = ("-c", "gpg.format=ssh", "-c", f"user.signingkey={key.path}", "tag", "-s", "-m", "Release")
    git(released, *signed, "release/2026.12", "main")
    with pytest.raises(errors.PromotionError, match="not among the allowed signers"):
        released.store.at(release="2026.12")
    commit(released, {"allowed_signers": f"test@example.org {key.public}\n"}, "Allow the key")
    assert released.store.at(release="2026.12").snapshot("spend").height == 7
