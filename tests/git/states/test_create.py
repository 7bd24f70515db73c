from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.git.plain import at_once
from workbench.errors import BranchError, BranchNotFound, InvalidName, ProtectedBranch
from workbench.git import Publisher, Repository

if TYPE_CHECKING:
    from tests.git.plain import Plain

ODD = "Predict delay,\n\n  at \u2028 arrival\r\nTag: not=a tag\n"


def test_an_experiment_begins_with_an_empty_commit_that_describes_it(repository: Repository, plain: Plain) -> None:
    before = plain.local()
    made = repository.create(
        "exp/carry-over",
        objective="Predict arrival delay",
        hypothesis="Last week's delay\ncarries over",
        metrics=["rmse", "mae"],
        tags={"team": "eu", "note": "a=b"},
    )
    assert made == repository.branch("exp/carry-over")
    assert (made.objective, made.hypothesis) == ("Predict arrival delay", "Last week's delay\ncarries over")
    assert (made.metrics, made.tags, made.ahead) == (("rmse", "mae"), {"team": "eu", "note": "a=b"}, 1)
    assert made.base == plain("rev-parse", "main") == plain("rev-parse", f"{made.tip}~1")
    assert plain("rev-parse", "main^{tree}") == plain("rev-parse", f"{made.tip}^{{tree}}")
    assert plain("log", "-1", "--format=%(trailers:key=Metric,valueonly,separator=%x2C)", made.tip) == "rmse,mae"
    assert plain.local() == before


def test_odd_text_is_read_back_as_it_was(repository: Repository) -> None:
    repository.create("exp/odd", objective=ODD, hypothesis=" \t", metrics=["a b", '"q"'], tags={"k": ODD, "empty": ""})
    made = repository.branch("exp/odd")
    assert (made.objective, made.hypothesis, made.metrics) == (ODD, " \t", ("a b", '"q"'))
    assert made.tags == {"k": ODD, "empty": ""}


def test_the_description_stays_when_the_experiment_goes_on(repository: Repository) -> None:
    repository.create("exp/b", objective="Stays")
    repository.commit(
        "exp/b", {"features/x.py": "1\n"}, message="x", trailers=[("Experiment", "exp/b"), ("Objective", "No")]
    )
    assert repository.branch("exp/b").objective == "Stays"


@pytest.mark.parametrize("tags", [{"": "v"}, {"a=b": "v"}, {" ": "v"}])
def test_a_tag_that_could_not_be_read_back_is_refused(repository: Repository, tags: dict[str, str]) -> None:
    with pytest.raises(BranchError, match="tag's key"):
        repository.create("exp/b", tags=tags)
    assert not repository.exists("exp/b")


@pytest.mark.parametrize("start", ["exp/a", "v1", "HEAD", "id"])
def test_it_starts_where_it_is_told(repository: Repository, plain: Plain, start: str) -> None:
    plain("tag", "v1")
    commit = plain("rev-parse", "exp/a") if start in {"exp/a", "id"} else plain("rev-parse", "main")
    repository.create("exp/b", start=commit[:10] if start == "id" else start)
    assert plain("rev-parse", "exp/b~1") == commit


def test_it_does_not_start_from_nothing(repository: Repository) -> None:
    with pytest.raises(BranchNotFound, match="mainn"):
        repository.create("exp/b", start="mainn")
    with pytest.raises(BranchNotFound):
        repository.create("exp/b", start="--orphan")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", ["exp/a", "exp", "exp/a/b", "Exp/A", "MAIN", "main/x"])
def test_branches_that_cannot_both_be_are_refused(
    repository: Repository, plain: Plain, name: str, *, packed: bool
) -> None:
    if packed:
        plain("pack-refs", "--all")
    before = repository.names()
    with pytest.raises(BranchError) as caught:
        repository.create(name)
    assert caught.value.remedy
    assert repository.names() == before


def test_hostile_and_protected_names_are_refused_before_anything_is_written(
    repository: Repository, plain: Plain
) -> None:
    before = plain("count-objects")
    for name in ("--force", "-D", "a b", "x\ny", "@{-1}", "HEAD", "refs/heads/x", "../x"):
        with pytest.raises(InvalidName):
            repository.create(name)
    with (
        Repository.open(plain.root, protected=["main", "production"]) as careful,
        pytest.raises(ProtectedBranch, match="production") as caught,
    ):
        careful.create("production")
    assert "%feature branch exp/" in caught.value.remedy
    assert plain("count-objects") == before


@pytest.mark.parametrize("place", ["main", "detached", "linked"])
def test_it_works_whatever_is_checked_out(plain: Plain, place: str) -> None:
    here = plain
    if place == "detached":
        plain("switch", "--quiet", "--detach")
    if place == "linked":
        plain("worktree", "add", "--quiet", "-b", "side", "../linked")
        here = type(plain)(plain.root.parent / "linked")
    here.write("features/delay.py", "local edit\n")
    here.write("features/staged.py", "staged\n")
    here("add", "features/staged.py")
    here.write("untracked.py", "1\n")
    before = here.local()
    with Repository.open(here.root) as repository:
        repository.create("exp/b", objective="Anywhere")
        repository.commit("exp/b", {"features/delay.py": "DELAY = 2\n"}, message="x")
        assert repository.head() == {"main": "main", "detached": None, "linked": "side"}[place]
    assert here.local() == before
    assert plain("show", "exp/b:features/delay.py") == "DELAY = 2"


def test_in_a_repository_without_a_commit_experiments_begin_empty(fresh: Plain) -> None:
    fresh.write("features/x.py", "not committed\n")
    fresh("add", ".")
    before = fresh.local()
    with Repository.open(fresh.root) as repository:
        first, second = repository.create("exp/a", objective="First"), repository.create("exp/b")
        assert (first.objective, first.base, first.ahead, repository.files("exp/a")) == ("First", None, 1, {})
        assert second.ahead == 1
        repository.commit("exp/a", {"features/y.py": "1\n"}, message="y")
        assert list(repository.files("exp/a")) == ["features/y.py"]
        with pytest.raises(BranchNotFound):
            repository.create("exp/c", start="other")
    assert fresh.local() == before
    fresh("commit", "--quiet", "-m", "Start")
    assert fresh("branch", "--list", "--format=%(refname:short)").splitlines() == ["exp/a", "exp/b", "main"]


def test_a_working_tree_that_waits_to_make_the_branch_is_not_surprised(plain: Plain) -> None:
    plain("switch", "--quiet", "--orphan", "exp/new")
    with Repository.open(plain.root) as repository, pytest.raises(BranchError, match="without a commit yet"):
        repository.create("exp/new")
    assert plain("status", "--porcelain") == ""


def test_without_an_identity_nothing_is_written(plain: Plain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("EMAIL", "guessed@example.org")  # git would put the machine's user name before it
    before = plain("count-objects")
    with Repository.open(plain.root) as repository:
        for act in (
            repository.identity,
            lambda: repository.create("exp/b"),
            lambda: repository.commit("main", {"features/x.py": "unique 1\n"}, message="x"),
        ):
            with pytest.raises(BranchError, match=r"git config --global user\.name"):
                act()
    assert plain("count-objects") == before
    assert plain("branch", "--list", "--format=%(refname:short)") == "main"


def test_two_kernels_that_make_the_same_experiment_get_one(repository: Repository, plain: Plain) -> None:
    script = """
from workbench.errors import BranchError
with Repository.open(root) as repository:
    try:
        repository.create("exp/race", tags={"by": str(number)})
    except BranchError as error:
        print(error.message)
"""
    ended = at_once(plain.root, script, 3)
    assert [process.returncode for process in ended] == [0, 0, 0], [process.stderr for process in ended]
    assert sum("exists" in process.stdout for process in ended) == 2
    assert repository.branch("exp/race").ahead == 1


@pytest.mark.parametrize(
    ("ref", "name"),
    [
        ("refs/tags/exp/x", "exp/x"),
        ("refs/exp/x", "exp/x"),
        ("refs/remotes/exp/x", "exp/x"),
        ("refs/remotes/exp/HEAD", "exp"),
        ("refs/stash", "stash"),
    ],
)
def test_a_name_that_git_would_take_for_another_ref_is_refused(
    repository: Repository, publisher: Publisher, plain: Plain, ref: str, name: str
) -> None:
    plain("branch", "-D", "exp/a")
    plain("update-ref", ref, "main")
    with pytest.raises(BranchError, match="git would take one for the other"):
        repository.create(name)
    if not ref.startswith("refs/tags/"):
        with pytest.raises(BranchError, match="git would take one for the other"):
            publisher.tag(name, "main", message="m")


def test_a_name_below_that_of_a_remote_is_refused(repository: Repository, plain: Plain) -> None:
    plain("remote", "add", "upstream", "../nowhere")
    with pytest.raises(BranchError, match="git would take one for the other"):
        repository.create("upstream/main")
    assert repository.create("upstreams/main").name == "upstreams/main"
