"""The kill matrix: each verb that writes, with each kind of fault, at many instants.

``python -m tests.faults.matrix`` runs all of it and prints a table; the tests run a part.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import workbench as wb
from tests.conftest import identify
from tests.faults.kinds import (
    KINDS,
    TIMED,
    Measured,
    Place,
    lacking,
    place,
    strike,
)
from tests.faults.verbs import VERBS, make_stages, served
from tests.promote.conftest import git
from workbench.errors import WorkbenchError
from workbench.git.worktrees import UnfinishedWarning
from workbench.lake import LakeWriter
from workbench.promote import collect_garbage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.faults.doomed import Ended

PARTS = {kind: 5 if "killed" in kind else 3 for kind in KINDS}
"""How many instants each verb is tried at with each kind."""

_NOTHING = re.compile(r"nothing (was|is) (changed|published|done|moved)", re.IGNORECASE)
_TEMPORARY = re.compile(
    r"^(\.new-|\.\w.*\.[0-9a-f]{32}$|tmp_|\.tmp|stale-|following-|git-\d+-|index\.)|\.(lock|tmp|part)$"
)
_LOCKS = {"worktrees.lock", "publishing.lock", "writers.lock"}
_ROOM = 1 << 30
"""Bytes that the projects of a matrix may take; a container's shared memory often has less."""

_GONE_WITHIN = 120.0
"""Seconds within which the processes that a killed one had started have ended."""


@dataclass(frozen=True, slots=True)
class Case:
    """A verb, a kind of fault, and at what part of the verb it happens."""

    verb: str
    kind: str
    part: float

    def __str__(self) -> str:
        return f"{self.verb}, {self.kind}, at {self.part:.3f}"


def cases(more: int = 1) -> list[Case]:
    """Return the whole matrix, with `more` times as many instants."""
    return [
        Case(verb, kind, (at + 0.5) / many)
        for verb in VERBS
        for kind in KINDS
        for many in (PARTS[kind] * more,)
        for at in range(many)
    ]


@contextmanager
def quick_folder() -> Iterator[Path]:
    """Make a folder, in memory where there is room: what a power cut does to a disk is not tried here."""
    memory = Path("/dev/shm")
    has_room = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > _ROOM
    with tempfile.TemporaryDirectory(prefix="kill-matrix-", dir=memory if has_room else None) as name:
        yield Path(name)


class Matrix:
    """Projects in which verbs are struck.

    Parameters
    ----------
    folder
        Where all of it is.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._cache = folder / "cache"
        with _environment(XDG_CACHE_HOME=str(self._cache)):
            self._stages = make_stages(folder / "stages")
        self._measured: dict[str, Measured] = {}
        self._number = 0

    def measured(self, verb: str) -> Measured:
        """Return how `verb` goes that nothing happens to."""
        if verb not in self._measured:
            folder = self._folder / "measured" / verb.replace(" ", "-")
            self._measured[verb] = Measured(verb, self._stages[VERBS[verb].stage], folder, self._cache)
        return self._measured[verb]

    @contextmanager
    def struck(self, case: Case) -> Iterator[tuple[Place, Ended | None, str]]:
        """Yield where a case happens, how the verb ended, and what happened to it: empty where nothing did."""
        measured = self.measured(case.verb)
        self._number += 1
        with place(self._folder / f"case-{self._number}", self._stages[VERBS[case.verb].stage], self._cache) as here:
            ended, what = strike(measured, case.kind, case.part, here)
            with _environment(XDG_CACHE_HOME=str(here.folder / "cache")):
                yield here, ended, what

    def run(self, case: Case) -> tuple[str, list[str]]:
        """Return what happened in a case, empty where nothing did, and what of it is not as it has to be."""
        what, wrong = self._tried(case)
        if not what and case.kind in TIMED:  # the machine is faster now than when the verb was timed
            what, wrong = self._tried(replace(case, part=case.part / 2))
        return what, wrong

    def _tried(self, case: Case) -> tuple[str, list[str]]:
        with self.struck(case) as (here, ended, what), warnings.catch_warnings(record=True) as said:
            if not what:
                return "", []
            warnings.simplefilter("always")
            wrong = list(_wrong(case.verb, self.measured(case.verb), here, ended))
            wrong += [f"warned: {each.message}" for each in said if issubclass(each.category, UnfinishedWarning)]
            return what, wrong


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _read(here: Place) -> dict[str, Any]:
    return served(here.root)


def _status(here: Place) -> str:
    return git(here.root, "status", "--porcelain", "-uall")


def _collected(here: Place) -> set[str]:
    """Return what looks like somebody's leftovers, after garbage was collected two days later."""
    names = _leftovers(here)
    for name in names:
        _age(here.folder / name)
    before, tempfile.tempdir = tempfile.tempdir, str(here.folder / "tmp")
    try:
        with closing(wb.open(here.root)) as project:
            collect_garbage(project._workspace, delete=True, safety=timedelta(0))
    finally:
        tempfile.tempdir = before
    return {_NUMBERS.sub("*", name) for name in _leftovers(here)}


_NUMBERS = re.compile(r"[0-9a-f]{32,64}|\d+")


def _leftovers(here: Place) -> set[str]:
    found = set()
    for path in [*here.root.rglob("*"), *(here.folder / "cache").rglob("*")]:
        if "origin.git" in path.parts:  # a remote mends itself
            continue
        if _TEMPORARY.search(path.name) and path.name not in _LOCKS:
            found.add(str(path.relative_to(here.folder)))
        elif path.name == ".work" and path.is_dir():
            found.update(str(each.relative_to(here.folder)) for each in path.iterdir())
    found.update(str(path.relative_to(here.folder)) for path in (here.folder / "tmp").iterdir())
    return found


def _age(path: Path) -> None:
    old = time.time() - 2 * 86400
    for each in [path, *(path.rglob("*") if path.is_dir() and not path.is_symlink() else ())]:
        os.utime(each, (old, old), follow_symlinks=False)


@dataclass(frozen=True, slots=True)
class _Usual:
    """What there is after a verb that nothing happened to, and after garbage was collected then."""

    state: dict[str, Any]
    status: str
    leftovers: set[str]
    collected: dict[str, Any]

    @classmethod
    def of(cls, here: Place) -> _Usual:
        return cls(_read(here), _status(here), _collected(here), _read(here))


def _wrong(verb: str, measured: Measured, here: Place, ended: Ended | None) -> Iterator[str]:
    """Yield what is not as it has to be: after the fault, after the next command, after the verb again, after gc."""
    old, usual = measured.before(_read), measured.after(_Usual.of)
    yield from _still_running(here)
    try:
        yield from _after_fault(verb, here, ended, old, usual.state)
        if verb != "init":
            with closing(wb.open(here.root, branch="exp/first")) as project:
                project.status().report()
        yield from _after_again(verb, here, usual)
        yield from _after_collection(verb, here, usual)
    except Exception as error:  # noqa: BLE001  # a finding, too
        yield f"a command fails: {''.join(traceback.format_exception(error))}"


def _after_fault(
    verb: str, here: Place, ended: Ended | None, old: dict[str, Any], new: dict[str, Any]
) -> Iterator[str]:
    found = _read(here)
    if not _is_between(verb, found, old, new):
        yield f"neither the old state nor the new: {found}\n  old: {old}\n  new: {new}"
    said = (here.folder / "printed").read_text()
    if ended is not None:
        is_done = found == new or ("published at origin" in said and "could not follow" in said)
        yield from _wrongly_said(ended, is_new=is_done, is_old=found == old)
    if "Traceback" in said:
        yield f"printed a traceback: {said[-1500:]}"


def _is_between(verb: str, found: dict[str, Any], old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Whether a state is the one before or after; `init` publishes nothing, and `fetch` brings one thing after another.

    Each release and each branch of others' stands for itself, and what is read follows main.
    """
    if verb == "init" or found in (old, new):
        return True
    if verb != "fetch":
        return False
    main = old if found["branches"].get("main") == old["branches"].get("main") else new
    apart = {"branches", "releases"}
    return (
        all(found[what] == main[what] for what in found.keys() - apart)
        and all(
            found["branches"].get(name) in (old["branches"].get(name), tip) for name, tip in new["branches"].items()
        )
        and set(old["releases"]) <= set(found["releases"]) <= set(new["releases"])
    )


def _after_again(verb: str, here: Place, usual: _Usual) -> Iterator[str]:
    try:
        VERBS[verb].act(here.root)
    except WorkbenchError as error:  # as where it is done already
        if _read(here) != usual.state:
            yield f"the verb again fails: {error}"
    if (found := _read(here)) != usual.state:
        yield f"the verb again does not bring the new state: {found}\n  new: {usual.state}"
    if (status := _status(here)) != usual.status:
        yield f"git status: {status!r} where it is {usual.status!r}"
    if said := git(here.root, "fsck", "--no-dangling"):
        yield f"git fsck: {said}"


def _after_collection(verb: str, here: Place, usual: _Usual) -> Iterator[str]:
    if left := _collected(here) - usual.leftovers:
        yield f"left over: {sorted(left)}"
    if verb != "init":
        with closing(wb.open(here.root)) as project:
            if orphans := LakeWriter(project._workspace.lake).orphans(older_than=timedelta(0)):
                yield f"orphans in the lake: {orphans}"
    if (found := _read(here)) != usual.collected:
        yield f"garbage collection took something: {found}\n  new: {usual.collected}"


def _wrongly_said(ended: Ended, *, is_new: bool, is_old: bool) -> Iterator[str]:
    if not ended.said and not is_new:
        yield "it ended well, and is not done"
    if not ended.is_ours:
        yield f"an error that is not ours: {ended.said}"
    if not is_old and _NOTHING.search(ended.said):
        yield f"it is done, and the error says that it is not: {ended.said}"


def _still_running(here: Place) -> Iterator[str]:
    until = time.monotonic() + _GONE_WITHIN
    while running := _running(here):
        if time.monotonic() > until:
            yield f"still running: {running}"
            return
        time.sleep(0.02)


def _running(here: Place) -> list[str]:
    import psutil

    found, mark = [], str(here.folder / "tmp")
    for process in psutil.process_iter():
        try:
            if process.environ().get("TMPDIR") == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


# --- the command --------------------------------------------------------------------------------------------------

_matrix: Matrix | None = None


def _begin(folder: str) -> None:
    global _matrix  # noqa: PLW0603  # one a process of the pool
    _matrix = Matrix(Path(tempfile.mkdtemp(dir=folder)))


def _run(case: Case) -> tuple[Case, str, list[str]]:
    assert _matrix is not None
    try:
        return case, *_matrix.run(case)
    except Exception as error:  # noqa: BLE001  # it is told as a finding, with its case
        return case, "?", [f"the matrix itself: {type(error).__name__}: {error}\n{traceback.format_exc()}"]


def main(words: Sequence[str] | None = None) -> int:
    """Run the matrix, or a part of it, and print a table; 1 where something did not recover."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--verb", action="append", choices=[*VERBS], help="this one only; may be repeated")
    parser.add_argument("--kind", action="append", help="kinds that contain this; may be repeated")
    parser.add_argument("--more", type=int, default=1, help="so many times as many instants")
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args(words)
    chosen = [
        case
        for case in cases(given.more)
        if (not given.verb or case.verb in given.verb) and (not given.kind or any(k in case.kind for k in given.kind))
    ]
    with quick_folder() as folder, _identity(folder):
        for kind in {case.kind for case in chosen}:
            if why := lacking(kind, folder):
                print(f"not tried: {kind}: {why}", file=sys.stderr)
                chosen = [case for case in chosen if case.kind != kind]
        tried: Counter[tuple[str, str]] = Counter()
        failed: Counter[tuple[str, str]] = Counter()
        pool = ProcessPoolExecutor(
            given.processes, mp_context=get_context("spawn"), initializer=_begin, initargs=(str(folder),)
        )
        with pool:
            for case, what, wrong in pool.map(_run, chosen):
                if not what:
                    continue
                tried[case.verb, case.kind] += 1
                if wrong:
                    failed[case.verb, case.kind] += 1
                    print(
                        f"{case}: {what}"[:300], *(f"  {each}" for each in wrong), sep="\n", file=sys.stderr, flush=True
                    )
    print(_table(tried, failed))
    return 1 if failed else 0


@contextmanager
def _identity(folder: Path) -> Iterator[None]:
    import pytest

    with pytest.MonkeyPatch.context() as patch:
        identify(folder, patch)
        yield


def _table(tried: Counter[tuple[str, str]], failed: Counter[tuple[str, str]]) -> str:
    verbs = [verb for verb in VERBS if any(tried[verb, kind] for kind in KINDS)]
    kinds = [kind for kind in KINDS if any(tried[verb, kind] for verb in verbs)]

    def cell(some: Sequence[str], kind: str) -> str:
        many, bad = (sum(counts[verb, kind] for verb in some) for counts in (tried, failed))
        return f"{many - bad} of {many}" if bad or len(some) > 1 else str(many)

    lines = ["| " + " | ".join(["kind of fault", *verbs, "recovered"]) + " |", "| --- |" + " --- |" * (len(verbs) + 1)]
    rows = ([kind, *(cell([verb], kind) for verb in verbs), cell(verbs, kind)] for kind in kinds)
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([*lines, "", f"{tried.total() - failed.total()} of {tried.total()} recovered"])


if __name__ == "__main__":
    sys.exit(main())
