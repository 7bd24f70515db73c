"""Fixtures that several rooms' tests share: a small project on real git, real Parquet and real MLflow."""

from __future__ import annotations

import gc
import logging
import os
import shutil
import signal
import sys
import tempfile
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import hypothesis
import polars as pl
import pytest

import workbench as wb

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from workbench.project import Project

# jsonschema, behind nbformat and altair, reads a grammar of IRIs when it is imported: two seconds in each process
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # so that it seems not to be installed
gc.disable()  # until all tests are collected: what is made till then stays

# what was observed of a definition is known to all tests of a run, as it is to all projects of a user
_RUN = os.environ.setdefault("WORKBENCH_TEST_RUN", os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid4().hex)
os.environ["XDG_CACHE_HOME"] = str(Path(tempfile.gettempdir()) / f"workbench-tests-{_RUN}")

# a rule is tried on the same few examples each time; `--hypothesis-profile=thorough` tries many that are new
hypothesis.settings.register_profile("quick", max_examples=20, deadline=None, derandomize=True, database=None)
hypothesis.settings.register_profile("thorough", max_examples=500, deadline=None, database=None, print_blob=True)
hypothesis.settings.load_profile("quick")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # a shell's background job ignores Ctrl-C and hands that on; tests of interrupts need it as people have it
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Have the garbage collector pass over what collecting the tests has made."""
    gc.freeze()
    gc.enable()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Remove what was noted for this run, where this is the process that began it."""
    if not hasattr(session.config, "workerinput"):
        shutil.rmtree(os.environ["XDG_CACHE_HOME"], ignore_errors=True)


def pytest_xdist_auto_num_workers() -> int:
    """Return how many tests run at once: one a core, and no fewer than three, since many wait for other processes."""
    return max(3, os.cpu_count() or 1)


def in_part(table: Mapping[str, Any], first: int) -> list[Any]:
    """Return the rows of a table of cases as parameters: about `first` of them, spread over it; the others are slow."""
    step = max(1, round(len(table) / first))
    found = []
    for place, (name, case) in enumerate(table.items()):
        values = case if isinstance(case, tuple) else (case,)
        found.append(pytest.param(*values, id=name, marks=[pytest.mark.slow] if place % step else []))
    return found


UNSENT = """
[tracking]
send = false
"""
EVENTS_TOML = f"""
[project]
name = "trial"
{UNSENT}
[sources.events]
path = "data/events.parquet"
event_time = "at"
key = ["event_id"]
"""

EVENT_VIEW = '''\
class Spend(FeatureModel):
    user: str
    at: UTC
    total: float = Feature(unit="count", ge=0)


@feature_view(entities="user", event_time="at")
def spend(events: pl.LazyFrame) -> LazyFrame[Spend]:
    """What a user has spent so far."""
    return events.sort("user", "at").select("user", "at", total=pl.col("amount").cum_sum().over("user"))
'''


def events(rows: int = 200) -> pl.DataFrame:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    return pl.DataFrame(
        {
            "event_id": range(rows),
            "user": [f"u{row % 7}" for row in range(rows)],
            "at": [start + timedelta(minutes=row) for row in range(rows)],
            "amount": [float(row % 11) for row in range(rows)],
        },
        schema={"event_id": pl.Int64, "user": pl.String, "at": pl.Datetime("us", "UTC"), "amount": pl.Float64},
    )


def let_send(root: Path) -> None:
    """Let runs of the project in `root` be sent to MLflow: a process that loads it, and makes a database."""
    toml = root / "workbench.toml"
    text = toml.read_text()
    assert UNSENT in text
    toml.write_text(text.replace(UNSENT, ""))


def identify(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tell git who writes, whatever this machine is configured to say."""
    config = folder / "gitconfig"
    config.write_text("[user]\n\tname = Test Researcher\n\temail = test@example.org\n[init]\n\tdefaultBranch = main\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"):
        monkeypatch.delenv(name, raising=False)


def make_trial(folder: Path) -> Path:
    """Make a project with one source of 200 events below `folder`, and return its root; no run is sent to MLflow."""
    root = folder / "trial"
    wb.init(root).close()
    (root / "workbench.toml").write_text(EVENTS_TOML)
    (root / "data").mkdir()
    events().write_parquet(root / "data" / "events.parquet")
    return root


@pytest.fixture
def identity(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Git knows who writes."""
    identify(tmp_path_factory.mktemp("git"), monkeypatch)


@contextmanager
def template(factory: pytest.TempPathFactory, name: str, copied: Path | None = None) -> Iterator[Path]:
    """Yield where a project can be prepared that tests copy: a new one as `make_trial` makes it, or one like `copied`.

    While it is prepared git knows who writes.
    """
    folder = factory.mktemp(name)
    with pytest.MonkeyPatch.context() as patch:
        identify(folder, patch)
        yield make_trial(folder) if copied is None else copy_project(copied, folder)


def copy_project(copied: Path, folder: Path) -> Path:
    """Copy a prepared project into `folder`, and return its root."""
    return shutil.copytree(copied, folder / copied.name, symlinks=True)


@pytest.fixture(scope="session")
def trial_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `project_root` is a copy of."""
    with template(tmp_path_factory, "trial") as root:
        return root


@pytest.fixture(scope="session")
def begun_once(trial_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `project` opens a copy of."""
    with template(tmp_path_factory, "begun", trial_once) as root, closing(wb.open(root)) as project:
        project.branch("exp/first", objective="See it work", metrics=["rmse"])
        return root


@pytest.fixture
def project_root(trial_once: Path, tmp_path: Path, identity: None) -> Path:
    """A project's folder with one source of 200 events."""
    return copy_project(trial_once, tmp_path)


@pytest.fixture
def project(begun_once: Path, tmp_path: Path, identity: None) -> Iterator[Project]:
    """An open project on the experiment ``exp/first``; what it sends to MLflow stays on disk until somebody asks."""
    with closing(wb.open(copy_project(begun_once, tmp_path), branch="exp/first")) as opened:
        yield opened


@pytest.fixture(scope="module")
def opened(trial_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project that no test writes to."""
    with pytest.MonkeyPatch.context() as patch:
        identify(tmp_path_factory.mktemp("git"), patch)
        with closing(wb.open(copy_project(trial_once, tmp_path_factory.mktemp("opened")))) as project:
            yield project


@pytest.fixture
def event_view() -> str:
    """A cell that defines the view ``spend`` over the events."""
    return EVENT_VIEW


@pytest.fixture(scope="session")
def store() -> Iterator[dict[str, str]]:
    """A server on a free port with one bucket, and the settings that lead to it."""
    from moto.server import ThreadedMotoServer
    from pyarrow.fs import S3FileSystem

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    place = "{}:{}".format(*server.get_host_and_port())
    files = S3FileSystem(
        access_key="who", secret_key="secret", region="us-east-1", endpoint_override=place, scheme="http",
        allow_bucket_creation=True,
    )  # fmt: skip
    files.create_dir("shelf")
    yield {
        "AWS_ACCESS_KEY_ID": "who",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{place}",
        "AWS_ALLOW_HTTP": "true",
    }
    server.stop()
