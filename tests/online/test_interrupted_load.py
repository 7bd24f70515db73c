"""A loader that is killed at any instant: readers go on with what they had, and the next load finishes."""

from __future__ import annotations

import random

import pytest

from tests.online.conftest import Place
from tests.online.interrupted import kill_loaders

pytestmark = pytest.mark.journey

KILLS, READS = 15, 10_000


def test_a_kill_at_any_instant_leaves_readers_what_they_had(place: Place) -> None:
    found = kill_loaders(place, kills=KILLS, reads=READS, seed=random.SystemRandom().randrange(2**32))
    assert not found.wrong, f"seed {found.seed}, killed at {found.steps}: {found.examples}"
    assert found.reads >= READS
