"""`BuiltFrames`: what is remembered of a training set for as long as its frame lives."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.errors import UsageError

if TYPE_CHECKING:
    import polars as pl

    from workbench.serve.ledger import Ledger
    from workbench.serve.served import Reading
    from workbench.serve.training import Question, TrainingSet
    from workbench.serve.wanted import Wanted


@dataclass(frozen=True, slots=True)
class Built:
    """How a training set was built, without its rows."""

    question: Question
    wanted: tuple[Wanted, ...]
    ledger: Ledger
    reading: Reading


class BuiltFrames:
    """The training sets that a store returned and that somebody still has."""

    def __init__(self) -> None:
        self._frames: dict[int, tuple[weakref.ref[pl.DataFrame], Built]] = {}

    def remember(self, built: TrainingSet, reading: Reading) -> None:
        """Remember how `built` was made; what nobody has any more is forgotten."""
        self._frames = {key: known for key, known in self._frames.items() if known[0]() is not None}
        known = Built(built.question, built.wanted, built.ledger, reading)
        self._frames[id(built.frame)] = (weakref.ref(built.frame), known)

    def known(self, frame: pl.DataFrame) -> Built:
        """Return how the training set `frame` was built.

        Raises
        ------
        UsageError
            For any other frame, as one that was filtered since.
        """
        known = self._frames.get(id(frame))
        if known is None or known[0]() is not frame:
            raise UsageError(
                "This frame is no training set of this store.",
                remedy="Pass the frame that training_set returned, unchanged; `store.ledger` is the last one's.",
            )
        return known[1]
