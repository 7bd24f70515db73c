"""What is shown of a service is what its counters say, between two looks; a notebook looks again by itself."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest

from tests.server.stage import Asked, Running, ask, fill
from tests.tracking.stores import until
from workbench.cli.main import main
from workbench.client import ServiceFigures, ServiceMonitor
from workbench.client.monitor import _quantile
from workbench.errors import OnlineError
from workbench.notebook import live_output
from workbench.notebook.live_output import LiveOutput


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    return ask(fill(tmp_path))


def monitor(asked: Asked) -> ServiceMonitor:
    return ServiceMonitor("http://features", lambda: asked("GET", "/metrics").text)


def test_it_shows_what_happened_since_the_last_look(asked: Asked) -> None:
    asked.features(["recent:value"], [{"user": "a"}, {"user": "nobody"}])
    asked.features(["recent:valu"], [{"user": "a"}])
    watch = monitor(asked)
    assert watch.figures.seconds is None
    assert watch.figures.requests == {"200": 1, "422": 1}
    (recent,) = [view for view in watch.figures.views if view.view == "recent"]
    assert sum(recent.rows.values()) == 2
    assert recent.rows["missing"] == 1
    assert set(recent.generations) == {"1"}
    asked.features(["world"], [{}])
    after = watch.refresh()
    assert after.seconds is not None
    assert after.requests == {"200": 1}
    assert {view.view: sum(view.rows.values()) for view in after.views if view.rows} == {"world": 1}
    assert watch.refresh().requests == {}
    assert watch.figures.median is None
    shown = str(watch._repr_mimebundle_()["text/html"])
    assert "http://features" in shown
    assert "recent" in shown


def test_a_service_that_was_started_anew_counts_from_zero(tmp_path: Path) -> None:
    texts = [
        'workbench_requests_total{route="/v1/features",status="200"} 9.0\n',
        'workbench_requests_total{route="/v1/features",status="200"} 2.0\n',
    ]
    watch = ServiceMonitor("http://features", lambda: texts.pop(0))
    assert watch.refresh().requests == {"200": 2}


def test_quantiles_are_those_that_prometheus_takes() -> None:
    buckets = {0.1: 10.0, 0.5: 30.0, 1.0: 40.0, float("inf"): 40.0}
    assert _quantile(0.5, buckets) == pytest.approx(0.3)
    assert _quantile(0.25, buckets) == pytest.approx(0.1)
    assert _quantile(0.99, {0.1: 1.0, float("inf"): 2.0}) == 0.1, "beyond the last bound nothing is known"
    assert _quantile(0.5, {0.1: 0.0, float("inf"): 0.0}) is None


@pytest.mark.journey
@pytest.mark.service
def test_the_command_and_the_client_read_a_running_service(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shelf = fill(tmp_path)
    with Running(shelf.folder / "online") as running:
        assert main(["monitor", running.url]) == 0
        assert "since it began" in capsys.readouterr().out
        assert main(["token", "create", "scoring", "--scope", "recent", "--store", str(shelf.folder / "online")]) == 0
        token = re.search(r"wb_\S+", capsys.readouterr().out)
        assert token is not None
        until(lambda: main(["monitor", running.url]) == 1, "the token is asked for")
        assert main(["monitor", running.url, "--token", token[0]]) == 1
        assert "may not read the metrics" in capsys.readouterr().err
    assert main(["monitor", running.url]) == 1
    assert "cannot be reached" in capsys.readouterr().err


class Shown:
    """Stands for IPython's display: keeps what it is given, and says when there is enough."""

    def __init__(self, enough: int) -> None:
        self.all: list[object] = []
        self.is_enough = threading.Event()
        self._enough = enough

    def __call__(self, shown: object, *, display_id: bool) -> Shown:
        assert display_id
        self.update(shown)
        return self

    def update(self, shown: object) -> None:
        self.all.append(shown)
        if len(self.all) == self._enough:
            self.is_enough.set()


def test_a_notebook_looks_again_by_itself_also_after_the_service_was_away(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, looks = monitor(asked), [True, False, True]
    look = watch.refresh

    def refresh() -> ServiceFigures:
        if looks and not looks.pop(0):
            raise OnlineError("It is away.", remedy="Wait.")
        return look()

    shown = Shown(enough=4)
    monkeypatch.setattr(live_output, "display", shown)
    monkeypatch.setattr(live_output, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(watch, "refresh", refresh)
    LiveOutput().watch(watch)
    assert shown.is_enough.wait(60)
    LiveOutput._watched = None
    first, second, away, third = shown.all[:4]
    assert first is watch
    assert isinstance(second, ServiceFigures)
    assert isinstance(away, ServiceFigures)
    assert away.views == second.views, "the last figures stay"
    assert "It is away." in str(away._repr_mimebundle_())
    assert isinstance(third, ServiceFigures)
