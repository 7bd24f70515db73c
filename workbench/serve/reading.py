"""`Reading`: the views of one branch at one commit, computed or reused as they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.define import load_tree
from workbench.loop.evaluate import Evaluation
from workbench.loop.failure import explained

if TYPE_CHECKING:
    from workbench.define import Definitions
    from workbench.loop.evaluate import Evaluated
    from workbench.loop.rooms import Rooms


@dataclass(frozen=True, slots=True)
class Reading:
    """A branch's definitions and their data, as they stand at `commit`.

    Parameters
    ----------
    branch, commit
        What is read.
    evaluation
        Computes the views; sources are looked at once, so that all views see the same data.
    """

    branch: str
    commit: str
    evaluation: Evaluation

    @classmethod
    def of(cls, rooms: Rooms, branch: str) -> Reading:
        """Return a reading of the tip of `branch`."""
        commit = rooms.repository.resolve(branch)
        definitions = load_tree(rooms.repository, commit, cache=rooms.hidden)
        return cls(branch, commit, Evaluation(definitions, rooms.sources, rooms.cache))

    @property
    def definitions(self) -> Definitions:
        """What the branch defines."""
        return self.evaluation.definitions

    def view(self, name: str) -> Evaluated:
        """Return the view `name` with its data, computed now where it is not computed yet."""
        with explained(self.definitions, {}):
            return self.evaluation.evaluate(name)
