"""The order in which views are computed: each after those it uses."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from workbench.errors import DefinitionCycle


def topological(names: Iterable[str], uses: Callable[[str], Iterable[str]]) -> list[str]:
    """Return `names` and all that they use, directly or not, each once and after what it uses.

    Parameters
    ----------
    names
        Where to start; their order is kept where it can be.
    uses
        Gives the names that one name uses.

    Raises
    ------
    DefinitionCycle
        Names that use each other in a circle.

    Examples
    --------
    >>> uses = {"late": ["delay", "weather"], "delay": ["weather"], "weather": []}
    >>> topological(["late"], uses.__getitem__)
    ['weather', 'delay', 'late']
    """
    done: dict[str, None] = {}
    for name in names:
        _visit(name, uses, done)
    return list(done)


def _visit(start: str, uses: Callable[[str], Iterable[str]], done: dict[str, None]) -> None:
    """Go depth first, with a stack of our own: a long chain of views is no reason to fail."""
    if start in done:
        return
    path = {start: iter(uses(start))}
    while path:
        name, rest = next(reversed(path.items()))
        following = next((used for used in rest if used not in done), None)
        if following is None:
            del path[name]
            done[name] = None
        elif following in path:
            circle = list(path)
            raise DefinitionCycle.through([*circle[circle.index(following) :], following])
        else:
            path[following] = iter(uses(following))
