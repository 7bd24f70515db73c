"""What a commit of one file to a branch costs over the same done by bare git plumbing, in turn, in one repository.

GitPython's commit and walk stand beside ours: it writes objects itself, unsynced, and moves the ref unconditionally.

Run it as ``python tests/bench/bench_commit.py [--commits N] [--files N] [--json PATH]``.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from git import BaseIndexEntry, Commit, IndexFile, Repo
from gitdb import IStream

from tests.bench.targets import judge
from workbench.git import Repository

BUDGET = 3.0
MEASURED = "one file committed to a branch, beside bare plumbing"
BARE, OURS, FRESH, HERE, LIST = "bare plumbing", "commit", "open + commit", "commit, checked out", "branches()"
LIBRARY, WALK, LIBRARY_WALK, LIBRARY_TRAILERS = "GitPython", "history()", "GitPython, history", "GitPython, trailers"
LENGTH, WALKS = 1000, 3
WHO = {
    "GIT_AUTHOR_NAME": "Bench",
    "GIT_AUTHOR_EMAIL": "bench@example.org",
    "GIT_COMMITTER_NAME": "Bench",
    "GIT_COMMITTER_EMAIL": "bench@example.org",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
}


def git(root: Path, *words: str, given: bytes = b"", env: dict[str, str] | None = None) -> str:
    """Return what git prints, run with as little around it as there can be."""
    done = subprocess.run(["git", *words], cwd=root, input=given, capture_output=True, check=True, env=env)
    return done.stdout.decode().strip()


def make_repository(root: Path, files: int) -> None:
    """Make a repository with `files` definitions on main, and branches to write to."""
    git(root, "init", "--quiet", "--initial-branch=main")
    (root / "features").mkdir()
    for number in range(files):
        (root / "features" / f"view_{number}.py").write_text(f"VALUE = {number}\n" * 40)
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "Definitions")
    for name in ("bare", "ours", "fresh", "library"):
        git(root, "branch", name)


def bare(root: Path, path: str, text: str) -> None:
    """Commit one file to ``bare`` through an index of its own: seven processes, the fewest there are."""
    environment = {**os.environ, "GIT_INDEX_FILE": str(root / ".git" / "bench.index")}
    tip = git(root, "rev-parse", "--verify", "refs/heads/bare")
    blob = git(root, "hash-object", "-w", "--stdin", given=text.encode())
    git(root, "read-tree", tip, env=environment)
    git(root, "update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", env=environment)
    tree = git(root, "write-tree", env=environment)
    commit = git(root, "commit-tree", tree, "-p", tip, "-m", "Define a view")
    git(root, "update-ref", "refs/heads/bare", commit, tip)


def opened(root: Path, path: str, text: str) -> None:
    """Commit as a command line does: open, commit, close."""
    with Repository.open(root) as repository:
        repository.commit("fresh", {path: text}, message="Define a view")


def by_gitpython(repo: Repo, path: str, text: str) -> None:
    """Commit one file to ``library`` as GitPython does."""
    head, data = repo.heads["library"], text.encode()
    blob = repo.odb.store(IStream("blob", len(data), io.BytesIO(data)))
    index = IndexFile.from_tree(repo, head.commit)
    index.add([BaseIndexEntry((0o100644, blob.binsha, 0, path))], write=False)
    head.set_commit(Commit.create_from_tree(repo, index.write_tree(), "Define a view", [head.commit]))


def read_by_gitpython(repo: Repo, *, trailers: bool) -> list[object]:
    """Read what `Repository.history` reads."""
    return [
        (
            *(commit.hexsha, commit.tree.hexsha, [parent.hexsha for parent in commit.parents], commit.message),
            *(str(commit.author), str(commit.committer), commit.committed_datetime),
            commit.trailers_list if trailers else None,
        )
        for commit in repo.iter_commits("long", max_count=LENGTH)
    ]


def measure_history(root: Path) -> dict[str, list[float]]:
    """Return the seconds of each walk over the same commits, which have a trailer each."""
    message = "data <<END\nDefine spend\n\nFeature-View: spend\nEND\n"
    times = range(1_700_000_000, 1_700_000_000 + LENGTH)
    stream = "".join(f"commit refs/heads/long\ncommitter A <a@example.org> {time} +0000\n{message}" for time in times)
    git(root, "fast-import", "--quiet", given=stream.encode())
    with Repository.open(root) as repository, Repo(root) as repo:
        walks: dict[str, Callable[[], object]] = {
            WALK: lambda: repository.history("long", limit=LENGTH),
            LIBRARY_WALK: lambda: read_by_gitpython(repo, trailers=False),
            LIBRARY_TRAILERS: lambda: read_by_gitpython(repo, trailers=True),
        }
        return {name: [timed(walk) for _ in range(WALKS)] for name, walk in walks.items()}


def timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def measure(root: Path, commits: int) -> dict[str, list[float]]:
    """Return each contender's seconds; they take turns, so that what disturbs the machine disturbs all."""
    with Repository.open(root) as repository, Repo(root) as repo:
        contenders: dict[str, Callable[[str, str], object]] = {
            BARE: lambda path, text: bare(root, path, text),
            OURS: lambda path, text: repository.commit("ours", {path: text}, message="Define a view"),
            FRESH: lambda path, text: opened(root, path, text),
            HERE: lambda path, text: repository.commit("main", {path: text}, message="Define a view"),
            LIBRARY: lambda path, text: by_gitpython(repo, path, text),
            LIST: lambda path, text: repository.branches(),
        }
        seconds: dict[str, list[float]] = {name: [] for name in contenders}
        for number in range(-2, commits):
            for name, commit in contenders.items():
                begin = time.perf_counter()
                commit(f"features/view_{number % 7}.py", f"VALUE = 'round {number}'\n" * 40)
                if number >= 0:  # the first two rounds load what everybody needs
                    seconds[name].append(time.perf_counter() - begin)
    return seconds


def main() -> int:
    """Measure, print a table, and fail over the budget."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commits", type=int, default=40)
    parser.add_argument("--files", type=int, default=50)
    parser.add_argument("--rows", type=int, help="taken and ignored, as the other benchmarks have it")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    os.environ.update(WHO)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make_repository(root, options.files)
        seconds = measure(root, options.commits)
        walks = measure_history(root)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    print(f"{'':24}{'median ms':>10}{'best ms':>10}{'x bare':>8}")
    for name, times in seconds.items():
        ratio = medians[name] / medians[BARE]
        print(f"{name:24}{medians[name] * 1e3:>10.1f}{min(times) * 1e3:>10.1f}{ratio:>8.2f}")
    print(
        f"{LENGTH} commits read:",
        *(f"{name} {statistics.median(times) * 1e3:.0f} ms;" for name, times in walks.items()),
    )
    ratio = round(medians[OURS] / medians[BARE], 3)
    if options.json:
        results = {name: {"median": medians[name], "best": min(times)} for name, times in seconds.items()}
        facts = {"commits": options.commits, "files": options.files, "results": results, "walks": walks}
        options.json.write_text(json.dumps({**facts, "ratio": ratio}, indent=2) + "\n")
    return judge({MEASURED: ratio}, {MEASURED: BUDGET})


if __name__ == "__main__":
    raise SystemExit(main())
