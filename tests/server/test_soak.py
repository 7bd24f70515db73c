"""Some seconds of a service under load while versions come and go, tokens are revoked and workers are killed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.server.soak import Soak

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.journey, pytest.mark.service]

EVENTS = {"promotion": 3, "materialization": 1, "rollback": 1, "revocation": 1, "killed worker": 1}


def test_whatever_happens_no_value_is_wrong_and_one_retry_is_enough(tmp_path: Path) -> None:
    until = time.monotonic() + 300

    def has_seen_enough(soak: Soak) -> bool:
        assert time.monotonic() < until, soak.events
        return all(soak.events[event] >= least for event, least in EVENTS.items()) and len(soak.seconds) >= 200

    soak = Soak(tmp_path, seed=5)
    soak.run(has_seen_enough, clients=2, pause=0.1, kill_every=0.5)
    assert not soak.wrong, soak.wrong[:10]


def test_four_workers_start_while_versions_are_published(tmp_path: Path) -> None:
    """Workers that start while a publish runs hang, or die in a thread that refreshes the registry."""
    soak = Soak(tmp_path, seed=5)
    soak.start_often(1)
    assert not soak.wrong, soak.wrong[:10]
