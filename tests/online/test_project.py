"""A project's online store follows what is published, and answers as a training set does."""

from __future__ import annotations

import asyncio
import json
import resource
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import workbench as wb
from tests.conftest import EVENT_VIEW, events
from tests.online.conftest import Place
from tests.promote.conftest import git
from tests.server.stage import Asked
from workbench.cli.main import main
from workbench.errors import LakeError, OnlineError
from workbench.online import OnlineBehindWarning, open_backend
from workbench.online.backend import OnlineBackend, StoredEntity
from workbench.online.keys import SUFFIX, instant_of
from workbench.project import Project, service_options
from workbench.server import FeatureService, ServiceOptions

OWNED = EVENT_VIEW.replace('event_time="at")', 'event_time="at", owner="team")')
DOUBLED = OWNED.replace('pl.col("amount")', '(pl.col("amount") * 2)')
NOW = datetime(2024, 1, 1, 3, 0, tzinfo=UTC)


@pytest.fixture
def online(project_root: Path) -> Iterator[Project]:
    """A project with an online store, on the experiment ``exp/a``, which defines ``spend``."""
    with (project_root / "workbench.toml").open("a") as file:
        file.write('\n[online]\nkind = "lmdb"\nhistory = "all"\n')
    git(project_root, "commit", "-qam", "Declare the online store")
    project = wb.open(project_root)
    project.branch("exp/a", objective="See it work")
    project.define(OWNED)
    yield project
    project.close()


@pytest.fixture
def published(online: Project) -> Project:
    """The same, with ``spend`` published."""
    online.promote("spend")
    return online


def reading(project: Project) -> Any:
    """Return the store of what is published."""
    return on_main(project).store


def on_main(project: Project) -> Project:
    found = wb.open(project.root)
    found.branch("main")
    return found


def promote(project: Project, text: str, name: str) -> None:
    project.branch(name, objective="Another try")
    project.define(text)
    project.promote("spend", accept={"spend": "it is meant"})


def test_a_promotion_is_online_when_it_returns(published: Project) -> None:
    assert published.online_status().is_current
    found = reading(published).get_feature("spend:total", {"user": "u1"})
    assert (found.status, found.version, found.source, found.generation) == ("present", "1.0", "online", 1)
    spine = pl.DataFrame({"user": ["u1"], "event_timestamp": [datetime.now(UTC)]})
    assert [found.value] == reading(published).training_set(spine, ["spend"]).frame["total"].to_list()


def test_every_instant_is_what_a_training_set_has(published: Project) -> None:
    store = reading(published)
    users = [f"u{number}" for number in range(8)]
    for at in events()["at"][6::40]:
        spine = pl.DataFrame({"user": users, "event_timestamp": [at] * len(users)})
        right = store.training_set(spine, ["spend"]).frame["total"].to_list()
        assert store.batch_get_features("spend", {"user": users}, at=at, as_="polars")["total"].to_list() == right


@pytest.mark.journey
def test_a_rollback_is_online_when_it_returns(published: Project) -> None:
    promote(published, DOUBLED, "exp/b")
    doubled = reading(published).get_feature("spend:total", {"user": "u1"})
    assert doubled.version == "2.0"
    published.rollback("spend", "1.0")
    found = reading(published).get_feature("spend:total", {"user": "u1"})
    assert (found.version, found.value * 2, found.generation) == ("1.0", doubled.value, 1)


def test_new_data_is_online_when_materialize_returns(published: Project) -> None:
    before = reading(published).get_feature("spend:total", {"user": "u1"})
    events(210).write_parquet(published.root / "data" / "events.parquet")
    published.materialize()
    after = reading(published).get_feature("spend:total", {"user": "u1"})
    assert after.generation > before.generation
    assert after.value > before.value
    assert published.verify_online(full=True).passed


@pytest.mark.journey
def test_a_release_is_online_when_it_is_cut(published: Project) -> None:
    on_main(published).cut_release("2026.11")
    promote(published, DOUBLED, "exp/b")
    store = on_main(published).store
    assert store.get_feature("spend", {"user": "u1"}).version == "2.0"
    pinned = store.at(release="2026.11").get_feature("spend", {"user": "u1"})
    assert (pinned.version, pinned.source) == ("1.0", "online")


@pytest.mark.service
def test_a_project_may_keep_its_store_on_a_server(project_root: Path, shared_place: Place) -> None:
    settings = project_root / "workbench.toml"
    text = settings.read_text().replace('name = "trial"', f'name = "{shared_place.name}"')
    online = f'kind = "{shared_place.kind}"\nurl = "{shared_place.url}"\nhistory = "all"'
    settings.write_text(f"{text}\n[online]\n{online}\n")
    git(project_root, "commit", "-qam", "Declare the online store")
    with closing(wb.open(project_root)) as project:
        project.branch("exp/a", objective="See it work")
        project.define(OWNED)
        project.promote("spend")
        assert project.online_status().is_current
        assert project.verify_online(full=True).passed
    with closing(wb.open(project_root)) as project:
        project.branch("main")
        users = [f"u{number}" for number in range(8)]
        for at in (None, events()["at"][100]):
            found = project.store.batch_get_features("spend", {"user": users}, at=at)
            assert {each["total"].source for each in found} == {"online"}
            spine = pl.DataFrame({"user": users, "event_timestamp": [at or datetime.now(UTC)] * len(users)})
            right = project.store.training_set(spine, ["spend"]).frame["total"].to_list()
            assert [each["total"].value for each in found] == right


def test_an_experiment_reads_its_own_view_and_writes_nothing_online(published: Project) -> None:
    before = published.online_status().version
    published.branch("exp/b", objective="Another try")
    published.define(DOUBLED)
    own = published.store.get_feature("spend:total", {"user": "u1"})
    assert (own.source, own.version) == ("branch", None)
    assert own.value == 2 * reading(published).get_feature("spend:total", {"user": "u1"}).value
    assert published.online_status().version == before
    assert not [name for name in dir(published.store) if "load" in name or "write" in name]


def test_neither_an_experiment_nor_a_notebook_nor_the_service_writes_what_is_online(
    published: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = Path(published.online_status().place) / "data.mdb"
    before = file.read_bytes()
    published.branch("exp/b", objective="Another try")
    published.define(DOUBLED)
    published.compute()
    notebook = wb.open(published.root, branch="exp/b")
    monkeypatch.chdir(published.root)
    spine = pl.DataFrame({"user": ["u1"], "event_timestamp": [NOW]})
    for store in (published.store, notebook.store, reading(published)):
        store.get_feature("spend:total", {"user": "u1"})
        store.batch_get_features("spend@1", {"user": ["u1"]}, at=NOW)
        store.training_set(spine, ["spend"])
        store.catalog()
    notebook.promote("spend", dry_run=True)
    notebook.verify_online(full=True)
    service = FeatureService(service_options())
    assert Asked(service).features("spend", [{"user": "u1"}]).status_code == 200
    assert file.read_bytes() == before
    right = reading(published).get_feature("spend:total", {"user": "u1"}).value
    notebook.load_online(full=True)  # loads main, whatever the handle's branch is
    assert reading(published).get_feature("spend:total", {"user": "u1"}).value == right
    notebook.close()


def test_no_name_of_what_reads_leads_to_a_writer(published: Project) -> None:
    store = reading(published)
    reader = store._online(())
    for each in (store, reader, reader.backend, FeatureService(service_options_of(published))):
        values = [getattr(each, name) for name in dir(each) if not name.startswith("__")]
        assert not any(hasattr(value, "writing") for value in [each, *values])


def service_options_of(project: Project) -> ServiceOptions:
    return ServiceOptions.of_folder(Path(project.online_status().place))


def test_what_cannot_be_loaded_is_published_all_the_same_and_loaded_by_the_next_command(online: Project) -> None:
    place = Path(online.online_status().place)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("in the way")
    with pytest.warns(OnlineBehindWarning, match="does not follow main"):
        report = online.promote("spend")
    assert report.commit is not None
    store = reading(online)
    place.unlink()
    assert store.get_feature("spend:total", {"user": "u1"}).source == "lake"
    online.materialize()
    assert store.get_feature("spend:total", {"user": "u1"}).source == "online"


def test_a_load_that_a_full_disk_stops_fails_and_the_next_one_finishes(
    published: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The online store stopped in the middle of a load, the job was green, and readers had half of it."""
    monkeypatch.chdir(published.root)
    store = reading(published)
    before = store.get_feature("spend:total", {"user": "u1"})
    file = Path(published.online_status().place) / "data.mdb"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size, hard))  # as a disk that has no room for more
    try:
        assert main(["online", "load", "--full"]) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "OnlineError" in capsys.readouterr().err
    assert store.get_feature("spend:total", {"user": "u1"}) == before
    assert main(["online", "load", "--full"]) == 0
    after = store.get_feature("spend:total", {"user": "u1"})
    assert (after.value, after.source) == (before.value, "online")
    assert after.generation != before.generation
    assert main(["online", "verify", "--full"]) == 0


def test_without_a_section_nothing_is_loaded_until_somebody_asks(project: Project) -> None:
    git(project.root, "commit", "-qam", "Declare the source")
    project.define(OWNED)
    project.promote("spend")
    status = project.online_status()
    assert [(view.name, view.state) for view in status.views] == [("spend@1.0", "not loaded")]
    assert reading(project).get_feature("spend", {"user": "u1"}).source == "lake"
    assert not project.verify_online().passed  # nothing was looked at
    project.load_online()
    assert reading(project).get_feature("spend", {"user": "u1"}).source == "online"


def test_verification_passes_only_where_every_row_and_answer_is_the_lakes(published: Project) -> None:
    assert published.verify_online().passed
    assert published.verify_online(full=True).passed
    backend = open_backend(published._workspace)
    number = json.loads(backend.catalog()[1]["generation/spend@1"])["number"]
    honest = by_entity(backend, number)
    key, other = list(honest)[:2]
    rows = honest[key]
    kinds = {
        "an entity is missing": {each: found for each, found in honest.items() if each != key},
        "a row is another": honest | {key: [(rows[0][0], honest[other][0][1]), *rows[1:]]},
        "a row is missing": honest | {key: [rows[0], *rows[2:]]},
        "a row is too many": honest | {key: [*rows, (rows[-1][0] - 1, rows[-1][1])]},
    }
    for kind, entities in kinds.items():
        rewrite(backend, [StoredEntity(each, found, 0) for each, found in entities.items()])
        assert published.verify_online(full=True).differing == {"spend@1.0": (key.hex(),)}, kind
    rewrite(backend, [StoredEntity(each, found, 1 if each == key else 0) for each, found in honest.items()])
    for full in (False, True):  # of one entity, an older row answers
        assert published.verify_online(full=full).differing == {"spend@1.0": (key.hex(),)}
    with backend.writing() as writer:
        writer.change({"generation/spend@1": None, "previous/spend@1": None})
    assert published.verify_online().differing == {"spend@1.0": ("not loaded",)}
    published.load_online(full=True)
    assert published.verify_online(full=True).passed
    for file in (published.repository.home / "lake").rglob("*.parquet"):
        file.unlink()
    with pytest.raises(LakeError, match="data files"):  # not what was computed here in its place
        published.verify_online()


def by_entity(backend: OnlineBackend, generation: int) -> dict[bytes, list[tuple[int, bytes]]]:
    """Return the rows of a generation by their entities."""
    found: dict[bytes, list[tuple[int, bytes]]] = {}
    for key, row in backend.rows(generation):
        found.setdefault(key[:-SUFFIX], []).append((instant_of(key[-SUFFIX:]), row))
    return found


def rewrite(backend: OnlineBackend, entities: list[StoredEntity]) -> None:
    """Have other rows answer for ``spend@1``."""
    with backend.writing() as writer:
        generation = json.loads(backend.catalog()[1]["generation/spend@1"])
        number = writer.new_generation()
        writer.append(number, entities)
        writer.change({"generation/spend@1": json.dumps({**generation, "number": number}).encode()})


def test_a_tag_that_is_not_a_release_stops_no_load(published: Project) -> None:
    git(published.root, "tag", "release/by-hand", "main")
    promote(published, DOUBLED, "exp/b")
    assert reading(published).get_feature("spend", {"user": "u1"}).version == "2.0"
    assert published.online_status().releases == ()


def test_the_async_twins_answer_the_same(published: Project) -> None:
    store = reading(published)

    async def both() -> tuple[Any, Any]:
        return await asyncio.gather(
            store.get_feature_async("spend:total", {"user": "u1"}),
            store.batch_get_features_async("spend", [{"user": "u1"}], as_="polars"),
        )

    one, many = asyncio.run(both())
    assert one == store.get_feature("spend:total", {"user": "u1"})
    assert many.equals(store.batch_get_features("spend", [{"user": "u1"}], as_="polars"))


def test_forms_of_a_request(published: Project) -> None:
    store = reading(published)
    listed = store.batch_get_features("spend", [{"user": "u1"}, {"user": "nobody"}], at=NOW, as_="polars", details=True)
    assert listed.columns == ["user", "total", "total__status", "spend__event_time"]
    assert listed["total__status"].to_list() == ["present", "missing"]
    for form in ({"user": ["u1", "nobody"]}, pl.DataFrame({"user": ["u1", "nobody"]})):
        assert store.batch_get_features("spend", form, at=NOW, as_="polars", details=True).equals(listed)
    assert store.batch_get_features("spend", {"user": ["u1"]}, at=NOW, as_="arrow").num_rows == 1
    assert store.batch_get_features("spend", [], as_="dict") == []
    for wrong in ("u1", 7, {"user": "u1"}, [["u1"]], {"user": ["a"], "x": ["a", "b"]}):
        with pytest.raises(wb.errors.UsageError, match="does not give entities"):
            store.batch_get_features("spend", wrong)
    with pytest.raises(wb.errors.UsageError, match="is not a form"):
        store.batch_get_features("spend", [], as_="pandas")


def test_one_feature_is_asked_for_by_name(published: Project) -> None:
    store = reading(published)
    with pytest.raises(wb.errors.JoinError, match="'user' of view 'spend' is String; 1 is int"):
        store.get_feature("spend:total", {"user": 1})
    with pytest.raises(wb.errors.FeatureNotFound, match=r"did you mean .*total"):
        store.get_feature("spend:totl", {"user": "u1"})


def test_the_command_line_reads_and_loads(
    published: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(published.root)
    assert main(["get", "spend:total", "--entity", "user=u1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["features"]["total"]
    assert (found["status"], found["source"]) == ("present", "online")
    assert main(["online", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["is_current"]
    assert main(["online", "verify", "--full", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["compared"] == {"spend@1.0": 7}
    assert main(["online", "load", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["views"][0]["how"] == "kept"
    assert main(["get", "spend:total", "--entity", "user=u1", "--at", "2024-01-01T00:10"]) == 0
    assert "2024-01-01 00:08:00" in capsys.readouterr().out


@pytest.mark.journey
def test_a_clone_that_is_behind_does_not_take_back_what_others_published(published: Project) -> None:
    before = git(published.root, "rev-parse", "main")
    promote(published, DOUBLED, "exp/b")
    after = git(published.root, "rev-parse", "main")
    git(published.root, "update-ref", "refs/heads/main", before)
    with pytest.raises(OnlineError, match=r"not part of main here"):
        published.load_online()
    assert published.online_status().shown == after
    published.load_online(force=True)
    assert published.online_status().shown == before


def test_a_project_does_not_take_the_store_of_another_of_its_name(published: Project) -> None:
    backend = open_backend(published._workspace)
    meta = json.loads(backend.catalog()[1]["meta"])
    with backend.writing() as writer:
        writer.change({"meta": json.dumps(meta | {"commit": "0" * 40}).encode()})
    with pytest.raises(OnlineError, match="another project of this name"):
        published.load_online()
    with pytest.warns(OnlineBehindWarning, match="does not follow main"):
        promote(published, DOUBLED, "exp/b")
    assert published.online_status().shown == "0" * 40


def test_on_an_experiment_a_version_that_is_named_is_read_online_and_the_rest_from_the_branch(
    published: Project,
) -> None:
    store = published.store
    assert published.branch_name == "exp/a"

    def sources(*refs: str) -> list[str]:
        (found,) = store.batch_get_features(list(refs), [{"user": "u1"}], at=NOW, full_names=True)
        return [value.source for value in found.values()]

    assert sources("spend@1:total") == ["online"]
    assert sources("spend:total") == ["branch"]
    assert sources("spend:total as drafted", "spend@1:total as served") == ["branch", "lake"]
