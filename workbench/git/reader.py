"""`Reader`: which repository is around the project's folder, and what it holds, read from refs and objects alone.

Git itself says what refs, remotes and settings there are, but for a branch whose own file holds the id of an object
that is there: that is read, since each question to git is a process. GitPython reads files alone: neither refs of
SHA-256 nor reftable, neither ``config.worktree`` nor settings in the environment.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
import shutil
import tempfile
from collections.abc import Iterable
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from workbench.errors import BranchError, BranchNotFound, ProjectError, RepositoryUnreadable, did_you_mean
from workbench.files import stamp
from workbench.git.command import Git, GitFailed, explain_failure, is_full_id, refuse_old
from workbench.git.damage import is_shallow, refuse_broken, unreadable_branch, unreadable_object, usual_remote
from workbench.git.history import LOG, Branch, Lifetime, merge_base, parse_log, read_branches
from workbench.git.locks import LockNotes, is_alive, owner
from workbench.git.objects import FOLDER, Objects
from workbench.git.upstream import Upstream, count_apart, tracked_remote
from workbench.git.worktrees import Follower, Unfinished, Worktree, warn_unfinished, worktree_folders, worktrees
from workbench.times import in_utc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    from workbench.git.history import Commit

MAIN = "main"
"""What the branch with all that is published is called where nothing says otherwise."""

USUAL_TRUNKS = (MAIN, "master", "trunk", "develop", "mainline", "default")
"""What teams call it."""

_NEW = ".git-new-"
"""How the name of a folder begins in which a repository is made; the process's id follows."""

_PINNED: ContextVar[dict[tuple[Path, str], str] | None] = ContextVar("_PINNED", default=None)
"""Where each trunk was, who is at work, and the remotes, when a call first asked; None outside of such a call."""

_WHO, _REMOTES = "who is at work", "the remotes"
"""What is remembered beside a trunk; no branch has such a name."""
_PLAIN_REF = re.compile(r"refs/heads(?:/[\w-][\w.-]*)+", re.ASCII)
"""A branch whose name is a path on every disk, and no revision in git's syntax."""

_REVISION = re.compile(r"[~^:]|@\{|\.\.")
"""What git's syntax of revisions has and no name of a ref."""

_UNREADABLE_OBJECT = re.compile(
    r"(?:bad object|[Cc]ould not read|unable to parse commit|object file \S*|loose object) ([0-9a-f]{40,64})"
)

_LOST_REPOSITORY = re.compile(r"not a git repository: (/.+)/worktrees/[^/\n]+$", re.MULTILINE)
"""What git says in a linked working tree whose repository was moved or removed."""

Kind = Literal["added", "modified", "deleted"]
_MOST_IN_A_SECOND = 200


class Reader:
    """The reading half of `Repository`. Paths are relative to `root`, a folder of the working tree or its top.

    Attributes
    ----------
    root
        The project's folder.
    git_dir
        The repository's shared git directory.
    protected
        The branches that this handle does not write.
    signs
        Whether what this handle writes is signed; as git is configured if None.
    hooks
        Whether its commits pass the repository's pre-commit and commit-msg hooks.
    """

    def __init__(
        self, root: Path, git: Git, *, top: Path, git_dir: Path, is_main: bool, protected: Sequence[str] = ()
    ) -> None:
        self.root = root
        self.git_dir = git_dir
        self.protected = tuple(protected)
        self.signs: bool | None = None
        self.hooks = False
        self._git = git
        self._top = top
        self._is_main = is_main
        self._prefix = root.relative_to(top).parts
        self._objects = Objects(git)
        self._allowed: set[str] = set()  # commits whose definitions may run, as was found out before

    @classmethod
    def open(
        cls,
        root: Path,
        *,
        protected: Sequence[str] = (),
        recover: bool = True,
        signs: bool | None = None,
        hooks: bool = False,
    ) -> Self:
        """Open the repository around `root`."""
        root = root.resolve()
        git = Git(root)
        if program := shutil.which("git"):
            refuse_old(program)
        options = ("--show-toplevel", "--git-common-dir", "--absolute-git-dir")
        try:
            lines = git.run("rev-parse", "--path-format=absolute", *options).splitlines()
        except GitFailed as failure:
            if lost := _LOST_REPOSITORY.search(str(failure)):
                raise BranchError(
                    f"{root} is a linked working tree, and its repository is no longer at {lost[1]}.",
                    remedy=f"Move it back, or run where it is now: git worktree repair {root}.",
                ) from None
            if "not a git repository" in str(failure):
                raise BranchError(f"{root} is not in a git repository.", remedy="Run `workbench init` there.") from None
            raise explain_failure(failure, f"opening {root}") from None
        top, git_dir, own = Path(lines[0]).resolve(), Path(lines[1]), Path(lines[2])
        git.locks = LockNotes(git_dir, top)
        opened = cls(root, git, top=top, git_dir=git_dir, is_main=own == git_dir, protected=protected)
        opened.signs, opened.hooks = signs, hooks
        if recover:
            opened.recover()
        return opened

    @classmethod
    def init(cls, root: Path, *, protected: Sequence[str] = (), nested: bool = False) -> Self:
        """Open the repository around `root`, made (with branch ``main``) where there is none.

        With `nested` it is made also within another one.
        """
        try:
            if not nested:
                return cls.open(root, protected=protected)
        except BranchError as error:
            if "not in a git repository" not in error.message:
                raise
        try:
            _make_repository(root)
        except GitFailed as failure:
            raise explain_failure(failure, f"making a repository in {root}") from None
        except OSError as error:
            raise explain_failure(GitFailed(f"{error.strerror}"), f"making a repository in {root}") from None
        return cls.open(root, protected=protected)

    def close(self) -> None:
        """End git's child process; the repository can still be used, and starts another when it needs one."""
        self._objects.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def head(self) -> str | None:
        """Return the branch checked out at `root`, also before its first commit; `None` where HEAD is detached."""
        try:
            return self._git.run("symbolic-ref", "--quiet", "HEAD").strip().removeprefix("refs/heads/")
        except GitFailed:
            return None

    def identity(self) -> str:
        """Return who commits, as ``Name <email>``."""
        return self._once_a_call(_WHO, lambda: self._stamp().rpartition("> ")[0] + ">") or ""

    def _stamp(self) -> str:
        """Return ``Name <email> seconds zone``."""
        try:
            return self._git.run("-c", "user.useConfigOnly=true", "var", "GIT_AUTHOR_IDENT").strip()
        except GitFailed:
            raise BranchError(
                "Git does not know who you are, so nothing can be committed.",
                remedy='Run `git config --global user.name "Your Name"` and '
                "`git config --global user.email you@example.org`, then try again.",
            ) from None

    @property
    def home(self) -> Path:
        """The folder, in the shared git directory, for what a project keeps and git does not: not made yet.

        All working trees of the repository have the same, and neither ``git clean`` nor the removal of a linked working
        tree touches it.
        """
        if not self._prefix:
            return self.git_dir / "workbench" / "project"
        name = re.sub(r"[^A-Za-z0-9_.-]+", "-", "-".join(self._prefix))
        digest = hashlib.sha256("/".join(self._prefix).encode()).hexdigest()[:8]
        return self.git_dir / "workbench" / f"project-{name}-{digest}"

    @property
    def main_root(self) -> Path:
        """The project's folder in the main working tree; in the folder around it where a bare repository has none."""
        if self._is_main:
            return self.root
        entry = self._git.run("worktree", "list", "--porcelain", "-z").partition("\0\0")[0].split("\0")
        main = self.git_dir.parent if "bare" in entry else Path(entry[0].removeprefix("worktree "))
        return main.joinpath(*self._prefix)

    @property
    def main_top(self) -> Path:
        """The top of the main working tree; of the folder around it where a bare repository has none."""
        top = self.main_root
        for _ in self._prefix:
            top = top.parent
        return top

    def working_tree_of(self, path: Path) -> Path | None:
        """Return the working tree of this repository that `path` is in; `None` for all else, git's own folder too."""
        if path.is_relative_to(self.git_dir):
            return None
        around = [folder for folder in {*worktree_folders(self._git), self.main_top} if path.is_relative_to(folder)]
        return max(around, key=lambda folder: len(folder.parts), default=None)

    def is_ignored(self, path: Path) -> bool:
        """Whether git leaves out a path of a working tree, there or not, from what it adds and cleans."""
        try:
            # it takes no literal paths; that of the lake begins with a slash
            self._git.run("check-ignore", "--quiet", "--", f"{path}/", variables={"GIT_LITERAL_PATHSPECS": "0"})
        except GitFailed:
            return False
        return True

    @property
    def has_remote(self) -> bool:
        """Whether other repositories are known to this one."""
        return bool(self._once_a_call(_REMOTES, lambda: self._git.run("remote").strip()))

    def upstream(self, branch: str) -> Upstream | None:
        """Return how `branch` stands beside the remote's, as last fetched; `None` where there is no remote."""
        name = tracked_remote(self._git, "origin", branch=branch)
        if name is None:
            return None
        ref = f"refs/remotes/{name}/{branch}"
        theirs, ours = self._refs(ref).get(ref), self._find_tip(branch)
        if theirs is None or ours is None:
            return Upstream(name, branch, theirs)
        return Upstream(name, branch, theirs, *count_apart(self._git, ours, theirs))

    def remote_branches(self) -> list[Branch]:
        """Return the branches that the trunk's remote has, as last fetched, and this repository has not."""
        name = tracked_remote(self._git, "origin", branch=self.trunk)
        above, own = f"refs/remotes/{name}/", self._tips()
        found = self._refs(above.rstrip("/")) if name else {}
        tips = {ref.removeprefix(above): tip for ref, tip in found.items()}
        missing = {branch: tip for branch, tip in tips.items() if branch not in own and branch != "HEAD"}
        return read_branches(self._git, missing, trunk=self.trunk, main=self._find_tip(self.trunk)) if missing else []

    @property
    def trunk(self) -> str:
        """The branch that holds what is published: the first protected one."""
        return self.protected[0] if self.protected else MAIN

    def usual_trunks(self) -> list[str]:
        """Return what the branch with all that is published may be called, the likeliest first, existing or not."""
        head = "refs/remotes/origin/HEAD"
        is_filed = not (self.git_dir / "reftable").exists()
        if is_filed and not (self.git_dir / head).exists():  # git does not pack such a ref
            return list(USUAL_TRUNKS)
        with suppress(GitFailed):
            return [
                self._git.run("symbolic-ref", "--quiet", head).strip().removeprefix("refs/remotes/origin/"),
                *USUAL_TRUNKS,
            ]
        return list(USUAL_TRUNKS)

    def names(self) -> list[str]:
        """Return the branches' names, sorted; also those that others made and `valid_branch` would refuse."""
        return sorted(self._tips())

    def _tips(self) -> dict[str, str]:
        return {ref.removeprefix("refs/heads/"): tip for ref, tip in self._refs("refs/heads").items()}

    def _worktrees(self) -> list[Worktree]:
        return worktrees(self._git, main=self._top if self._is_main else None)

    def recover(self) -> list[Unfinished]:
        """Finish what killed processes left: locks, and working trees behind their branch.

        What cannot be finished is returned and warned of; nothing raises.
        """
        follower = self._follower()
        found: list[Unfinished] = []
        with suppress(BranchError, ProjectError, GitFailed):  # somebody is at it, or nothing can be written here
            if self._git.locks is not None:
                self._git.locks.remove_all_stale()
            if follower.is_unfinished():
                with follower.lock():
                    found = follower.finish(worktree_folders(self._git), self._find_tip)
        warn_unfinished(found)
        return found

    def _follower(self) -> Follower:
        return Follower(self.git_dir, locks=self._git.locks)

    def _find_tip(self, name: str) -> str | None:
        """Return the tip of exactly the branch `name`: no abbreviation, no revision syntax."""
        return self._pinned(name, self._read_tip) if name.isprintable() else None

    def _read_tip(self, name: str) -> str | None:
        ref = f"refs/heads/{name}"
        if (filed := self._filed(ref)) is not None:
            return filed[0]
        try:
            return self._git.run("show-ref", "--verify", "--hash", "--", ref).strip()
        except GitFailed:
            tip = self._tips().get(name)
            if tip is not None:
                raise unreadable_branch(self._git, name, tip) from None
            refuse_broken(self._git, self.git_dir, name)
            return None

    def _filed(self, ref: str) -> tuple[str, str] | None:
        """Return the object that a branch's own file names, and its kind; None where only git can say."""
        if not _PLAIN_REF.fullmatch(ref):
            return None
        try:
            found = (self.git_dir / ref).read_text(encoding="ascii").rstrip("\n")
            return (found, self._objects.read(found)[0]) if is_full_id(found) else None
        except (OSError, ValueError, RepositoryUnreadable):
            return None

    @contextmanager
    def at_one_moment(self) -> Iterator[None]:
        """Within it, the trunk, who is at work and the remotes stay what they first were: a call reads one main."""
        token = _PINNED.set({}) if _PINNED.get() is None else None
        try:
            yield
        finally:
            if token is not None:
                _PINNED.reset(token)

    def _pinned(self, name: str, look_up: Callable[[str], str | None]) -> str | None:
        return self._once_a_call(name, lambda: look_up(name)) if name == self.trunk else look_up(name)

    def _once_a_call(self, what: str, look_up: Callable[[], str | None]) -> str | None:
        """Return what was found when a call first asked; it is looked up again where nothing was found yet."""
        pins, place = _PINNED.get(), (self.git_dir, what)
        if pins is None:
            return look_up()
        if place not in pins and (found := look_up()) is not None:
            pins[place] = found
        return pins.get(place)

    def _tip(self, name: str) -> str:
        tip = self._find_tip(name)
        if tip is None:
            raise self.branch_not_found(name)
        return tip

    def is_unborn(self, name: str) -> bool:
        """Whether the branch `name` waits for its first commit: it is checked out without one, or nothing has any."""
        if self._find_tip(name) is not None:
            return False
        is_waited_for = any(place.is_unborn and place.branch == name for place in self._worktrees())
        return is_waited_for or not self._git.run("for-each-ref", "--count=1").strip()

    def is_shallow(self) -> bool:
        """Whether this is a shallow copy, whose history ends somewhere."""
        return is_shallow(self._git)

    def branch_not_found(self, name: str) -> BranchNotFound:
        """Return the error for the unknown branch or revision `name`, which the remote may have."""
        if name == self.trunk:
            if self.is_unborn(name):
                return BranchNotFound(
                    f"Branch {name!r} has no commit yet.",
                    remedy="Commit there first: git add workbench.toml features registry && "
                    "git commit -m 'Start the project'.",
                )
            return _not_here(name, remote=usual_remote(self._git), known=self.names())
        remote = self.upstream(name) if name.isprintable() else None
        if remote is not None and remote.tip is not None:
            return BranchNotFound(
                f"There is no branch {name!r} here; {remote.remote} has one.",
                remedy=f"`branch {name}` continues it here.",
            )
        return BranchNotFound.named(name, self.names())

    def exists(self, name: str) -> bool:
        """Whether there is a branch `name`."""
        return self._find_tip(name) is not None

    def resolve(self, ref: str) -> str:
        """Return the full id of the commit that a branch, tag, ``HEAD`` or (abbreviated) id names."""
        found = self._pinned(ref, self._resolve)
        assert found is not None  # noqa: S101 - what is not found is raised
        return found

    def _resolve(self, ref: str) -> str:
        if is_full_id(ref) and self._is_commit(ref):
            return ref
        if (filed := self._filed(f"refs/heads/{ref}")) is not None and filed[1] == "commit":
            return filed[0]
        for revision in self._revisions(ref) if ref.isprintable() and ref and ref[0] not in "-^:" else ():
            found = self._rev_parse(f"{revision}^{{commit}}")
            if found is not None:
                return found
            pointed = None if is_full_id(ref) else self._rev_parse(revision)
            if pointed is not None and not self._is_readable(pointed):
                raise unreadable_branch(self._git, ref, pointed)
        if ref.isprintable():
            refuse_broken(self._git, self.git_dir, self.head() or ref if ref == "HEAD" else ref)
        raise self.branch_not_found(ref)

    def _revisions(self, ref: str) -> Iterator[str]:
        """Yield what a name may stand for, the likeliest first."""
        if is_full_id(ref):
            yield ref
            return
        if ref == self.trunk:
            yield f"refs/heads/{ref}"  # nothing else of this name holds what is published
            return
        named = [f"refs/{kind}/{ref}" for kind in ("heads", "tags", "remotes")]
        there = named if _REVISION.search(ref) else self._refs(*named)
        yield from (each for each in named if each in there)
        yield ref

    def _is_commit(self, object_id: str) -> bool:
        try:
            return self._objects.read(object_id)[0] == "commit"
        except RepositoryUnreadable:
            return False

    def _rev_parse(self, revision: str) -> str | None:
        try:
            found = self._git.run("rev-parse", "--verify", "--quiet", "--end-of-options", revision).strip()
        except GitFailed:
            return None
        return found if is_full_id(found) else None

    def _is_readable(self, object_id: str) -> bool:
        """Whether git can read an object, whatever it is: a tag may be of a file."""
        try:
            self._git.run("cat-file", "-p", object_id)
        except GitFailed:
            return False
        return True

    def branch(self, name: str) -> Branch:
        """Return the branch `name` with the experiment it is."""
        tip = self._tip(name)
        try:
            return read_branches(self._git, {name: tip}, trunk=self.trunk, main=self._find_tip(self.trunk))[0]
        except GitFailed:
            if not self._is_readable(tip):
                raise unreadable_branch(self._git, name, tip) from None
            raise

    def lifetime(self, name: str) -> Lifetime | None:
        """Return since when there is the branch `name`; None where there is none, or it was always there as main is."""
        tip = self._find_tip(name)
        if tip is None or name in self.protected:
            return None

        @cache
        def commits() -> frozenset[str]:
            own, main = (
                frozenset(self._git.run("rev-list", "--first-parent", commit, "--").split()) if commit else frozenset()
                for commit in (tip, self._find_tip(self.trunk))
            )
            return own - main

        return Lifetime(self._created(name), commits)

    def _created(self, name: str) -> datetime | None:
        """Return when a branch was made, as the first line of its log says; git removes the log with the branch."""
        try:
            with (self.git_dir / "logs" / "refs" / "heads" / name).open("rb") as file:
                old, _, rest = file.readline().partition(b" ")
            seconds = rest.partition(b"> ")[2].split(b" ")[0]
            return datetime.fromtimestamp(int(seconds), UTC) if old.strip(b"0") == b"" else None
        except (OSError, ValueError):
            return None  # git keeps no logs here, or in another form

    def branches(self) -> list[Branch]:
        """Return all branches, sorted by name."""
        tips, main = self._tips(), self._find_tip(self.trunk)
        try:
            return read_branches(self._git, tips, trunk=self.trunk, main=main)
        except GitFailed:
            return [self._read_branch(name, tip) for name, tip in sorted(tips.items())]

    def mark(self) -> object:
        """Return what is another value after a branch, a tag or what is checked out moved; git is not asked."""
        own = self._top / ".git"
        head = own / "HEAD" if own.is_dir() else self._linked_head(own)
        tables = self.git_dir / "reftable"
        files = [head, self.git_dir / "packed-refs", *(tables.iterdir() if tables.is_dir() else ())]
        for folder, _, names in os.walk(self.git_dir / "refs"):
            files += [Path(folder, name) for name in names]
        return frozenset((str(path), stamp(path)) for path in files)

    def _linked_head(self, link: Path) -> Path:
        """Return the HEAD of a linked working tree, by the file that leads to its git directory."""
        try:
            text = link.read_text(encoding="utf-8").removeprefix("gitdir:").strip()
        except (OSError, UnicodeDecodeError):
            return self.git_dir / "HEAD"
        return self._top / text / "HEAD"

    def _read_branch(self, name: str, tip: str) -> Branch:
        """Return a branch that may be damaged: one that is keeps no other from being listed, unless it is the trunk."""
        try:
            return self.branch(name)
        except (GitFailed, RepositoryUnreadable) as error:
            if name == self.trunk:
                raise
            return Branch(name, tip, objective=f"(cannot be read) {error.message}")

    def merge_base(self, left: str, right: str) -> str | None:
        """Return the newest commit both have; `None` where they share nothing."""
        return merge_base(self._git, self._full_id(left), self._full_id(right))

    def contains(self, commit: str, ancestor: str) -> bool:
        """Whether `commit` is `ancestor` or descends from it."""
        try:
            self._git.run("merge-base", "--is-ancestor", self._full_id(ancestor), self._full_id(commit))
        except GitFailed as failure:
            if failure.status == 1:
                return False
            for each in (commit, ancestor):
                if is_full_id(each) and not self._is_readable(each):
                    raise unreadable_object(self._git, each) from None
            raise explain_failure(failure, f"looking for {ancestor[:10]} below {commit[:10]}") from None
        return True

    def files(self, commit_or_tree: str, under: str = "features") -> dict[str, str]:
        """Return path and blob id of every file below the folder `under` (``""``: all) of a commit or root tree."""
        tree = self.subtree(commit_or_tree, under)
        above = f"{under}/" if under else ""
        return {f"{above}{path}": blob for path, blob in self._objects.walk(tree)} if tree else {}

    def subtree(self, commit_or_tree: str, path: str = "features") -> str | None:
        """Return the tree id of the folder `path`, or `None` where there is none."""
        found = self._objects.find(self._tree(commit_or_tree), self._parts(path))
        return found[1] if found and found[0] == FOLDER else None

    def read(self, commit_or_tree: str, path: str) -> str:
        """Return the text of a file."""
        found = self._objects.find(self._tree(commit_or_tree), self._parts(path))
        if found is None or found[0] == FOLDER:
            raise BranchError(f"{commit_or_tree[:10]} has no file {path!r}.", remedy="Look at what the branch holds.")
        try:
            return self.read_blob(found[1]).decode()
        except UnicodeDecodeError:
            raise BranchError(f"{path!r} is not UTF-8 text.", remedy="Save it as UTF-8 and commit it again.") from None

    def read_blob(self, blob: str) -> bytes:
        """Return the content of the blob with this id."""
        return self._objects.read(blob)[1]

    def folder(self, tree: str) -> dict[str, str]:
        """Return path and blob id of every file in the folder whose tree has the id `tree`, relative to it."""
        return dict(self._objects.walk(tree))

    def message(self, commit: str) -> str:
        """Return a commit's whole message, trailers included."""
        return self._objects.read(self._full_id(commit))[1].partition(b"\n\n")[2].decode("utf-8", "replace")

    def show(self, commit: str) -> Commit:
        """Return one commit."""
        return self._log(commit, "--max-count=1")[0]

    def history(self, branch_or_commit: str, *, path: str | None = None, limit: int = 50) -> list[Commit]:
        """Return commits, newest first; only those that touch `path` where one is given."""
        if path:
            self._parts(path)
        return self._log(branch_or_commit, f"--max-count={limit:d}", path=path)

    def ahead(self, tip: str, base: str) -> list[Commit]:
        """Return the commits that `tip` has and `base` has not, newest first."""
        return self._log(tip, f"^{self._full_id(base)}")

    def touches(self, commit: Commit, paths: Sequence[str]) -> bool:
        """Whether a file or folder of `paths` is another one than in a parent; for a merge, than in any of them."""
        parts = [self._parts(path) for path in paths]
        before: list[str | None] = [self._tree(parent) for parent in commit.parents]
        return any(
            self._objects.find(commit.tree, path) != (self._objects.find(tree, path) if tree else None)
            for tree in before or [None]
            for path in parts
        )

    def first_parents(self, ref: str, *, until: datetime | None = None, limit: int = 50) -> list[Commit]:
        """Return what `ref` has been, newest first: each commit, and the one it was made on."""
        made_by = [] if until is None else [f"--min-age={_seconds(until)}"]
        return self._log(ref, "--first-parent", f"--max-count={limit:d}", *made_by)

    def commit_at(self, ref: str, time: datetime) -> str | None:
        """Return the commit that `ref` was at a time (UTC without a zone): the newest first-parent one made by then."""
        found = self.first_parents(ref, until=time, limit=_MOST_IN_A_SECOND)
        made = next((commit.id for commit in found if commit.made_at <= in_utc(time)), None)
        if made is None:
            self.refuse_shallow(f"what {ref} was then is not known")
        return made

    def refuse_shallow(self, unknown: str) -> None:
        """Do nothing in a repository with its whole history."""
        if self.is_shallow():
            raise RepositoryUnreadable(
                f"This is a shallow copy of the repository: {unknown}.",
                remedy="Run `git fetch --unshallow`, then the same command again.",
            )

    def refuse_cut(self, tip: str, *, base: str) -> None:
        """Do nothing where all is there that `tip` has and `base` has not (full ids)."""
        if not self.is_shallow():
            return
        own = set(self._git.run("rev-list", tip, f"^{base}").split())
        ends = Path(self._git.run("rev-parse", "--path-format=absolute", "--git-path", "shallow").rstrip("\n"))
        if self.merge_base(base, tip) is None or not own.isdisjoint(ends.read_text(encoding="ascii").split()):
            self.refuse_shallow("where the branch began, and who wrote it, is not known")

    def changed(self, left: str, right: str, under: str = "features") -> dict[str, Kind]:
        """Return which files below `under` differ between two commits, and how."""
        old, new = self.files(left, under), self.files(right, under)
        kinds: dict[str, Kind] = {}
        for path in sorted({*old, *new}):
            if path not in new:
                kinds[path] = "deleted"
            elif path not in old:
                kinds[path] = "added"
            elif old[path] != new[path]:
                kinds[path] = "modified"
        return kinds

    def dirty(self) -> list[str]:
        """Return the files below `root` with local edits, untracked ones left out."""
        try:
            out = self._git.run("status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=no", "--", ".")
        except GitFailed as failure:
            raise explain_failure(failure, "looking for local edits") from None
        above = "".join(f"{part}/" for part in self._prefix)
        return sorted(entry[3:].removeprefix(above) for entry in out.split("\0") if len(entry) > 3)

    def _refs(self, *patterns: str) -> dict[str, str]:
        """Return the object id of each ref that matches, or lies below, one of the patterns."""
        lines = self._git.run("for-each-ref", "--format=%(objectname) %(refname)", *patterns).splitlines()
        return {ref: object_id for object_id, _, ref in (line.partition(" ") for line in lines)}

    def _log(self, ref: str, *options: str, path: str | None = None) -> list[Commit]:
        tip = self._full_id(ref)
        try:
            return parse_log(self._git.run(*LOG, *options, tip, "--", *([path] if path else [])))
        except GitFailed as failure:
            if "bad object" in str(failure) and is_full_id(ref):
                raise BranchNotFound.named(ref, self.names()) from None
            if lost := _UNREADABLE_OBJECT.search(str(failure)):
                raise unreadable_object(self._git, lost[1]) from None
            raise explain_failure(failure, f"reading the history of {ref}") from None

    def _full_id(self, ref: str) -> str:
        return ref if is_full_id(ref) else self.resolve(ref)

    def _tree(self, commit_or_tree: str) -> str:
        """Return the root tree of a commit, or of what leads to one; a tree is its own."""
        object_id = self._full_id(commit_or_tree)
        kind, data = self._objects.read(object_id)
        if kind == "tree":
            return object_id
        if kind in {"commit", "tag"}:  # both begin with a line that names what they are about
            about = data.split(b"\n", 1)[0].split(b" ", 1)[1].decode()
            return about if kind == "commit" else self._tree(about)
        raise BranchError(f"{object_id[:10]} is a file, not a commit.", remedy="Give a branch or a commit.")

    def _parts(self, path: str) -> tuple[str, ...]:
        """Return the parts of `path` from the top of the repository."""
        parts = tuple(path.split("/")) if path else ()
        if not all(_is_plain(part) for part in parts):
            raise BranchError(
                f"{path[:200]!r} is not a path inside the project.", remedy="Use a relative path, with '/'."
            )
        return (*self._prefix, *parts)


def _make_repository(root: Path) -> None:
    """Make a repository in `root`. It appears by one rename: git cannot go on with one that it was killed amid."""
    for left in root.glob(f"{_NEW}*"):
        pid = left.name.removeprefix(_NEW).partition("-")[0]
        if pid.isdigit() and not is_alive(owner(int(pid)), left.stat().st_mtime):
            shutil.rmtree(left, ignore_errors=True)
    command = ("init", "--quiet", f"--initial-branch={MAIN}")
    if os.path.lexists(root / ".git"):  # somebody else's, which git says what it thinks of
        Git(root).run(*command)
        return
    with tempfile.TemporaryDirectory(prefix=f"{_NEW}{os.getpid()}-", dir=root) as name:
        Git(Path(name)).run(*command)
        Path(name, ".git").rename(root / ".git")


def _seconds(time: datetime) -> int:
    return max(0, math.floor(in_utc(time).timestamp()))


def _is_plain(part: str) -> bool:
    """Whether a part of a path is a name on every disk, and never git's own folder as Windows or macOS read it."""
    git_s = part.casefold().partition(":")[0].rstrip(" .") in {".git", "git~1"}
    return part not in {"", ".", ".."} and not git_s and "\\" not in part and part.isprintable()


def _not_here(name: str, *, remote: str | None, known: Iterable[str]) -> BranchNotFound:
    """Return the error for a copy of the repository without the branch that holds what is published."""
    if remote is None:
        return BranchNotFound(
            f"There is no branch {name!r}, which holds what is published.",
            remedy=f"Restore it (git branch {name} <commit>), or list the right branch first under [project] "
            f"protected; {did_you_mean(name, known)}",
        )
    return BranchNotFound(
        f"This copy of the repository has no branch {name!r}, which holds what is published.",
        remedy=f"Run `git fetch {remote} {name}:{name}`, then the same command again.",
    )
