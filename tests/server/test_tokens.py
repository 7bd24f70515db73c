"""Who may read what: tokens are hashed, scoped, end, and are revoked within a second."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.server.stage import Asked, fill, options
from workbench.cli.main import main
from workbench.errors import UsageError
from workbench.server import FeatureService, ServiceOptions, TokenFile, end_of
from workbench.server.supervisor import refuse_strangers
from workbench.server.tokens import LOOK_AGAIN, TokenCheck

if TYPE_CHECKING:
    from tests.online.stage import Shelf


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def guarded(tmp_path: Path) -> tuple[TokenFile, Clock, TokenCheck]:
    file, clock = TokenFile(tmp_path / "online.tokens.json"), Clock()
    return file, clock, TokenCheck(file.path, clock=clock)


def test_only_a_hash_is_stored_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    file = TokenFile(tmp_path / "t.json")
    token, text = file.create("scoring", scopes=["recent"])
    stored = file.path.read_text()
    assert text.split("_", 2)[2] not in stored
    assert text.split("_", 2)[2] not in stored
    assert token.digest in stored
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert len(text.split("_", 2)[2]) >= 43


def test_a_revoked_token_is_refused_once_the_file_is_looked_at_again(
    guarded: tuple[TokenFile, Clock, TokenCheck],
) -> None:
    file, clock, check = guarded
    _, text = file.create("scoring")
    bearer = f"Bearer {text}"
    found = check.find(bearer)
    assert found is not None
    assert found.name == "scoring"
    file.revoke("scoring")
    clock.seconds += LOOK_AGAIN / 2
    assert check.find(bearer) is not None
    clock.seconds += LOOK_AGAIN / 2
    assert check.find(bearer) is None


def test_a_new_token_is_taken_at_once(guarded: tuple[TokenFile, Clock, TokenCheck]) -> None:
    file, _, check = guarded
    for name in ("one", "other"):
        assert check.find("Bearer wb_0_0") is None  # and with this, the file has been looked at
        _, text = file.create(name)
        found = check.find(f"Bearer {text}")
        assert found is not None
        assert found.name == name


def test_a_token_ends_when_it_says(tmp_path: Path) -> None:
    file = TokenFile(tmp_path / "t.json")
    ends = datetime.now(UTC) + timedelta(hours=1)
    _, text = file.create("scoring", expires=ends)
    for seconds, valid in ((-0.001, True), (0.001, False)):
        check = TokenCheck(file.path, now=lambda seconds=seconds: ends.timestamp() + seconds)  # type: ignore[misc]
        assert (check.find(f"Bearer {text}") is not None) == valid


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1],
        lambda text: text + "A",
        lambda text: text[:-1] + ("A" if text[-1] != "A" else "B"),
        lambda text: "wb_0000000000_" + text.split("_", 2)[2],
        lambda text: text.split("_", 2)[2],
        lambda text: "wb__",
        lambda text: "wb_" + "\u0130" * 50,
        lambda text: "wb_x_" + "A" * 100_000,
        lambda text: "",
    ],
)
def test_what_is_not_the_token_is_refused(guarded: tuple[TokenFile, Clock, TokenCheck], change: object) -> None:
    file, _, check = guarded
    _, text = file.create("scoring")
    assert check.find(f"bearer {text}") is not None
    assert check.find(f"Bearer {change(text)}") is None  # type: ignore[operator]  # one of the functions above
    assert check.find(f"Basic {text}") is None


def test_once_there_was_a_token_there_is_no_way_without_one(guarded: tuple[TokenFile, Clock, TokenCheck]) -> None:
    file, clock, check = guarded
    assert check.find(None) is None
    assert vars(check)["is_required"] is False
    file.create("scoring")
    clock.seconds += LOOK_AGAIN
    check.refresh()
    assert check.is_required
    for damage in ("not JSON", None):
        if damage is None:
            file.path.unlink()
        else:
            file.path.write_text(damage)
        clock.seconds += LOOK_AGAIN
        check.refresh()
        assert check.is_required
        assert (check.fault is not None) == (damage is not None)


def test_a_file_that_cannot_be_looked_at_lets_nobody_in(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    check = TokenCheck(tmp_path / "file" / "online.tokens.json")
    check.refresh()
    assert check.is_required
    assert check.fault is not None


def test_two_valid_tokens_have_no_name_in_common(tmp_path: Path) -> None:
    file = TokenFile(tmp_path / "t.json")
    file.create("a")
    with pytest.raises(UsageError, match="a valid token 'a'"):
        file.create("a")
    file.revoke("a")
    token, _ = file.create("a")
    assert [each.state(datetime.now(UTC)) for each in file.read()] == ["revoked", "valid"]
    assert file.revoke(token.id).name == "a"
    with pytest.raises(UsageError, match="no token 'a'"):
        file.revoke("a")


@pytest.mark.parametrize("given", ["90d", "2030-01-01", "2030-01-01T12:00+02:00"])
def test_an_end_is_a_length_of_time_or_a_moment(given: str) -> None:
    assert end_of(given) > datetime.now(UTC)
    with pytest.raises(UsageError, match="not a time"):
        end_of("soon")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    return fill(tmp_path_factory.mktemp("guarded"))


@pytest.fixture(scope="module")
def secrets(store: Shelf) -> dict[str, str]:
    file = TokenFile(options(store).tokens)
    scopes = {"all": [], "recent": ["recent"], "one": ["recent:value", "wor*"], "prometheus": ["/metrics"]}
    return {name: file.create(name, scopes=patterns)[1] for name, patterns in scopes.items()}


@pytest.mark.parametrize(
    ("name", "features", "status"),
    [
        ("all", ["kinds", "recent", "world"], 200),
        ("recent", "recent", 200),
        ("recent", ["recent:value", "world:value as other"], 403),
        ("one", "recent:value", 200),
        ("one", "recent", 403),
        ("one", "recent:value as mine", 200),
        ("one", "world", 200),
        ("one", "all", 200),
        ("prometheus", "world", 403),
        (None, "world", 401),
    ],
)
def test_a_token_reads_what_its_scopes_name(
    store: Shelf, secrets: dict[str, str], name: str | None, features: object, status: int
) -> None:
    headers = {"authorization": f"Bearer {secrets[name]}"} if name else {}
    asked = Asked(FeatureService(options(store)), **headers)
    answer = asked.features(features, [{"user": "a"}], full_names=True)
    assert answer.status_code == status, answer.text
    if status != 200:
        assert answer.json()["error"] == "AccessRefused"
        assert answer.json()["remedy"]
    if status == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_the_catalog_and_errors_name_nothing_beyond_the_scopes(store: Shelf, secrets: dict[str, str]) -> None:
    asked = Asked(FeatureService(options(store)), authorization=f"Bearer {secrets['one']}")
    found = asked("GET", "/v1/catalog").json()
    assert {name: list(view["features"]) for name, view in found["views"].items()} == {
        "recent": ["value"],
        "world": ["value"],
    }
    assert found["feature_sets"] == {"all": ["recent:value", "world"]}
    assert "kinds" not in asked("GET", "/v1/catalog").text
    assert "kinds" not in asked.features("kind", [{"user": "a"}]).text


@pytest.mark.parametrize("form", ["{}", "{}:value", "{}@1", "{}@9", "{} as other (user=id)", "{} as other (nobody=id)"])
@pytest.mark.parametrize("release", [None, "2024.1"])
def test_what_is_beyond_the_scopes_is_refused_alike_whether_there_is_such_a_thing_or_not(
    store: Shelf, secrets: dict[str, str], form: str, release: str | None
) -> None:
    asked = Asked(FeatureService(options(store)), authorization=f"Bearer {secrets['recent']}")
    found = set()
    for name in ("kinds", "world", "all", "wrold"):
        answer = asked.features(["recent:value", form.format(name)], [{"usr": "a"}], release=release)
        assert answer.json()["error"] == "AccessRefused"
        found.add((answer.status_code, answer.text.replace(name, "NAME").partition('"request_id"')[0]))
    assert len(found) == 1, found


def test_within_the_scopes_errors_are_as_helpful_as_without_a_token(store: Shelf, secrets: dict[str, str]) -> None:
    asked = Asked(FeatureService(options(store)), authorization=f"Bearer {secrets['recent']}")
    for features, entities, field in (
        ("recent:valu", "a", "features"),
        ("recent@9", "a", "features"),
        ("recent", 1, "entities"),
    ):
        answer = asked.features(features, [{"user": entities}])
        assert (answer.status_code, answer.json()["field"]) == (422, field)


ODD = ["", "Bearer", "Bearer ", "Basic {}", "{}", "Bearer {} {}", "Bearer {},", "Bearer {}\xff", "Bearer wb__"]


@pytest.mark.parametrize("header", [*ODD, "Bearer wb_" + "9" * 5_000])
def test_odd_tokens_are_no_tokens(store: Shelf, secrets: dict[str, str], header: str) -> None:
    given = header.replace("{}", secrets["all"])
    asked = Asked(FeatureService(options(store)))
    answer = asked("GET", "/v1/catalog", headers={"authorization": given.encode("latin-1")})
    assert (answer.status_code, answer.json()["error"]) == (401, "AccessRefused")
    assert secrets["all"] not in answer.text


def test_a_feature_set_is_listed_without_the_features_beyond_the_scopes(tmp_path: Path) -> None:
    shelf = fill(tmp_path)
    _, text = TokenFile(options(shelf).tokens).create("kept", scopes=["recent:kept"])
    found = Asked(FeatureService(options(shelf)), authorization=f"Bearer {text}")("GET", "/v1/catalog").json()
    assert (list(found["views"]), found["feature_sets"]) == (["recent"], {})


def test_the_metrics_have_a_scope_of_their_own_and_health_needs_no_token(store: Shelf, secrets: dict[str, str]) -> None:
    service = FeatureService(options(store))
    found = {}
    for name in (*secrets, None):
        asked = Asked(service, **({"authorization": f"Bearer {secrets[name]}"} if name else {}))
        found[name] = asked("GET", "/metrics").status_code
        assert asked("GET", "/health/ready").status_code == 200
        assert asked("GET", "/openapi.json").status_code == 200
    assert found == {"all": 200, "recent": 403, "one": 403, "prometheus": 200, None: 401}


@pytest.mark.parametrize(
    ("host", "status"), [("localhost", 200), ("127.0.0.1:80", 200), ("[::1]:80", 200), ("evil.example", 403), ("", 403)]
)
def test_without_tokens_a_page_of_another_site_gets_nothing(tmp_path: Path, host: str, status: int) -> None:
    shelf = fill(tmp_path)
    assert Asked(FeatureService(options(shelf)), host=host)("GET", "/v1/catalog").status_code == status
    opened = Asked(FeatureService(options(shelf, open=True)), host=host)
    assert opened("GET", "/v1/catalog").status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_other_machines_are_not_answered_without_a_token(tmp_path: Path, host: str) -> None:
    served = ServiceOptions.of_folder(tmp_path / "online").with_serve(host=host)
    with pytest.raises(UsageError, match="There are no tokens"):
        refuse_strangers(served)
    refuse_strangers(served.with_serve(open=True))
    refuse_strangers(served.with_serve(host="127.0.0.1"))
    TokenFile(served.tokens).create("scoring")
    refuse_strangers(served)


def test_tokens_are_made_listed_and_revoked_by_a_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shelf = fill(tmp_path)
    there = ["--store", str(shelf.folder / "online"), "--json"]

    def run(*words: str) -> dict[str, Any]:
        assert main(["token", *words, *there]) == 0
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    made = run("create", "scoring", "--scope", "recent", "--scope", "wor*", "--expires", "90d")
    text = str(made["token"])
    assert (
        Asked(FeatureService(options(shelf)), authorization=f"Bearer {text}")("GET", "/v1/catalog").status_code == 200
    )
    (listed,) = run("list")["tokens"]
    assert listed["scopes"] == ["recent", "wor*"]
    assert "digest" not in listed
    assert text not in json.dumps(listed)
    (revoked,) = run("revoke", "scoring")["tokens"]
    assert revoked["state"] == "revoked"
    assert (
        Asked(FeatureService(options(shelf)), authorization=f"Bearer {text}")("GET", "/v1/catalog").status_code == 401
    )
