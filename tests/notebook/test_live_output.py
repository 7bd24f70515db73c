"""What a cell shows while it works: a line from the first second on, whatever the work is."""

from __future__ import annotations

import threading

import pytest

from workbench.compute import Progress
from workbench.notebook.live_output import LiveOutput


class Kept(LiveOutput):
    """An output that keeps what it would show."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.said = threading.Event()

    def _push(self, shown: object) -> None:
        self.lines.append(shown._repr_mimebundle_()["text/plain"])  # type: ignore[attr-defined]  # it is a line
        self.said.set()


def beating() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "workbench-beat"]


def test_work_that_reports_nothing_is_shown_to_go_on() -> None:
    live = Kept()
    with live.working("promote"):
        assert live.said.wait(60)
        live.tick(Progress("spend", "computing", 1.0))
        live.said.clear()
        assert live.said.wait(60), "it goes on after the last report, too"
    assert live.lines[0].startswith("promote: working ")
    assert "spend: computing 1.0 s" in live.lines
    assert live.lines[-1].startswith("promote: working ")
    assert not beating()


def test_it_ends_with_work_that_fails() -> None:
    live = Kept()
    with pytest.raises(ZeroDivisionError), live.working("promote"):
        raise ZeroDivisionError
    assert not beating()


def test_a_terminal_is_told_nothing() -> None:
    live = LiveOutput(pushes=False)
    with live.working("promote"):
        assert not beating()


def test_of_works_within_one_another_the_outer_one_is_shown() -> None:
    outer, inner = Kept(), Kept()
    with outer.working("promote"):
        with inner.working("diff"):
            assert len(beating()) == 1
            assert outer.said.wait(60)
        with inner.working("drift"):
            assert len(beating()) == 1
    assert not inner.lines
    with inner.working("diff"):
        assert inner.said.wait(60)
