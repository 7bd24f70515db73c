"""`Repository`: the project's git repository, read and written without touching what the user has checked out."""

from __future__ import annotations

import random
import time
from contextlib import ExitStack, suppress
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from workbench.errors import BranchError, BranchMoved, BranchNotFound
from workbench.git.command import GitFailed, explain_failure, is_full_id
from workbench.git.history import DESCRIBED, add_trailers, experiment_trailers
from workbench.git.locks import writer_lock
from workbench.git.names import refuse_clashes, valid_branch, valid_tag
from workbench.git.signatures import Signature, SignedObject, verify_signature
from workbench.git.tags import APPROVALS, FETCHED, TAGS, Approval, Tag, TagObject, approval_ref
from workbench.git.trust import Trusting
from workbench.git.upstream import Upstream, join_both, no_remote
from workbench.git.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from workbench.git.history import Branch


class Repository(Writer, Trusting):
    """Git for a project in `root`, which may be a subfolder of the working tree; paths are relative to `root`.

    Open one with `Repository.open` or `Repository.init`, and close it, or use it in a ``with`` block. It refuses to
    write the branches that it was told are protected when it was opened; a `Publisher` writes those.
    """

    def create(
        self,
        name: str,
        *,
        start: str | None = None,
        message: str | None = None,
        objective: str | None = None,
        hypothesis: str | None = None,
        metrics: Sequence[str] = (),
        tags: Mapping[str, str] | None = None,
    ) -> Branch:
        """Start the experiment `name` from `start`, with its description as trailers of a first, empty commit.

        Without a `start` it is the branch that holds what is published. Where that waits for its first commit, the
        experiment begins with an empty tree.

        Raises
        ------
        InvalidName
            For a name that must not reach git.
        BranchError
            Where it exists, another branch's name is in its way, or git knows no identity.
        BranchNotFound
            Where `start` does not exist.
        """
        valid_branch(name)
        self._refuse_protected(name)
        stamp = self._stamp()
        text = add_trailers(
            message or f"Start {name}",
            experiment_trailers(name, objective, hypothesis, tuple(metrics), dict(tags or {})),
        )
        refuse_clashes(name, self.names())
        self._refuse_ambiguous(name, kind="branch")
        places = self._worktrees()
        parent = self._start(start or self.trunk)
        self._refuse_unborn(name, parent, places)
        tree = self._tree(parent) if parent else self._objects.write_empty_tree()
        commit = self._store_commit(tree, (parent,) if parent else (), text, stamp, branch=name)
        try:
            self._swap(name, commit, "0" * len(commit))
        except BranchMoved:
            raise BranchError(f"Branch {name!r} exists since a moment ago.", remedy="Switch to it.") from None
        return self.branch(name)

    def track(self, name: str) -> Branch:
        """Make the branch `name` at the commit that the remote has of it, as last fetched, and let it track that.

        Raises
        ------
        InvalidName
            For a name that must not reach git.
        BranchNotFound
            Where the remote does not have it.
        BranchError
            Where it exists, or another branch's name is in its way.
        """
        valid_branch(name)
        self._refuse_protected(name)
        theirs = self.upstream(name)
        if theirs is None or theirs.tip is None:
            raise BranchNotFound.named(name, self.names())
        refuse_clashes(name, self.names())
        self._refuse_ambiguous(name, kind="branch")
        self._refuse_unborn(name, theirs.tip, self._worktrees())
        try:
            self._swap(name, theirs.tip, "0" * len(theirs.tip))
        except BranchMoved:
            raise BranchError(f"Branch {name!r} exists since a moment ago.", remedy="Switch to it.") from None
        self._set_upstream(name, theirs.remote)
        return self.branch(name)

    def push(self, name: str) -> Upstream:
        """Give the remote what `name` has beyond it, and return how the two stand then. Nothing is forced.

        Raises
        ------
        ProtectedBranch
            For a branch that only ``promote`` may write.
        BranchMoved
            Where the remote's has commits that are not here.
        BranchError
            Where there is no remote, or it cannot be reached, or does not take it.
        """
        tip = self._tip(name)
        self._refuse_protected(name)
        remote = self.remote(branch=name)
        if remote is None:
            raise no_remote()
        try:
            remote.push(tip, name)
        except BranchMoved:
            remote.fetch(name)
            found = self.upstream(name)
            if found is None or not found.behind:
                raise
            raise BranchMoved(
                f"{found.label} has {found.behind} commit{'s' if found.behind > 1 else ''} that {name!r} here has not. "
                "Nothing was pushed.",
                remedy=f"{join_both(found)} Then push again.",
            ) from None
        self._set_upstream(name, remote.name)
        pushed = self.upstream(name)
        assert pushed is not None  # noqa: S101 - there is a remote
        return pushed

    def _set_upstream(self, name: str, remote: str) -> None:
        """Let git, too, know which branch of which remote `name` belongs to; ours goes by its name."""
        with suppress(GitFailed):
            self._git.run("branch", "--quiet", f"--set-upstream-to={remote}/{name}", name)

    def describe(
        self,
        name: str,
        *,
        objective: str | None,
        hypothesis: str | None,
        metrics: Sequence[str],
        tags: Mapping[str, str],
    ) -> Branch:
        """Describe the experiment `name` anew, in a commit that changes no file; what is not given stays as it was.

        Raises
        ------
        BranchMoved
            Where somebody else committed at the same moment.
        ProtectedBranch, BranchError
            Where the branch may not be written, or git knows no identity.
        """
        branch = self.branch(name)
        described = replace(
            branch,
            objective=objective or branch.objective,
            hypothesis=hypothesis or branch.hypothesis,
            metrics=tuple(metrics) or branch.metrics,
            tags={**branch.tags, **tags},
        )
        if described == branch:
            return branch
        trailers = [
            (DESCRIBED, name),
            *experiment_trailers(name, described.objective, described.hypothesis, described.metrics, described.tags),
        ]
        tree = self.show(branch.tip).tree
        self.commit_tree(name, tree, expected=branch.tip, message=f"Describe {name}", trailers=trailers)
        return self.branch(name)

    def _start(self, start: str) -> str | None:
        """Return the commit to start from; `None` where `start` has none yet."""
        try:
            return self.resolve(start)
        except BranchNotFound:
            if not self.is_unborn(start):
                raise
            return None

    def commit_first(self, paths: Sequence[str], *, message: str) -> str | None:
        """Commit files of the working tree as the first commit of the branch that is checked out, and return it.

        Nothing happens, and `None` is returned, where the branch has a commit, HEAD is detached, or something else is
        staged.

        Raises
        ------
        BranchError
            Where git cannot stage them, or somebody else made the first commit at the same moment.
        """
        branch = self.head()
        if branch is None or not self.is_unborn(branch):
            return None
        files = {"/".join(self._file(path)) for path in paths}
        try:
            if set(self._git.run("ls-files", "-z", "--full-name", "--", str(self._top)).split("\0")[:-1]) - files:
                return None
            self._git.run("add", "--force", "--", *paths)
            tree = self._git.run("write-tree").strip()
        except GitFailed as failure:
            raise explain_failure(failure, "staging the project's files") from None
        commit = self._store_commit(tree, (), add_trailers(message, ()), self._stamp(), branch=branch)
        self._swap(branch, commit, "0" * len(commit))
        return commit

    def delete(self, name: str, *, force: bool = False) -> None:
        """Delete the branch `name`.

        Raises
        ------
        BranchError
            Where it is protected, checked out somewhere, or (without `force`) holds changes that no other branch has.
        """
        tip = self._tip(name)
        self._refuse_protected(name)
        self._refuse_rebased(name)
        for place in self._worktrees():
            if place.branch == name:
                raise BranchError(
                    f"Branch {name!r} is checked out in {place.folder}.",
                    remedy="Switch that working tree to another branch first.",
                )
        alone = self._git.run("rev-list", "--count", tip, "--not", f"--exclude={name}", "--branches").strip()
        if not force and alone != "0" and self._changes(tip):
            raise BranchError(
                f"Branch {name!r} holds {alone} commits that are nowhere else.",
                remedy=f"Delete it with --force if you mean it; `git branch {name} {tip[:10]}` brings it back.",
            )
        try:
            self._move_ref(f"refs/heads/{name}", None, tip)
        except GitFailed as failure:
            found = self._find_tip(name)
            if found not in {tip, None}:
                raise BranchMoved.during(name, expected=tip, found=str(found)) from None
            raise explain_failure(failure, f"deleting {name}") from None

    def _changes(self, tip: str) -> bool:
        """Whether any file differs between `tip` and where it left the trunk; a description alone is no loss."""
        main = self._find_tip(self.trunk)
        base = self.merge_base(main, tip) if main else None
        before = self._tree(base) if base else self._objects.write_empty_tree()
        return self._tree(tip) != before

    def commit_tree(
        self,
        branch: str,
        tree: str,
        *,
        expected: str,
        message: str,
        trailers: Sequence[tuple[str, str]] = (),
    ) -> str:
        """Commit `tree` on `branch` if its tip is still `expected`, and return the commit.

        Working trees that have the branch checked out follow; where one would lose local edits nothing happens.

        Raises
        ------
        BranchMoved
            Where somebody else came first.
        ProtectedBranch, BranchError
            Where the branch may not be written, or a working tree cannot follow.
        """
        self._refuse_protected(branch)
        if not is_full_id(expected) or not is_full_id(tree):
            raise BranchError("A commit needs full object ids.", remedy="Resolve the names first.")
        self._tip(branch)
        return self._move(branch, tree, expected, add_trailers(message, trailers), self._stamp())

    def _move(self, branch: str, tree: str, expected: str, text: str, stamp: str) -> str:
        self._refuse_rebased(branch)
        commit = self._store_commit(tree, (expected,), text, stamp, branch=branch)
        self._advance(branch, commit, expected)
        return commit

    def commit(
        self,
        branch: str,
        changes: Mapping[str, str | None],
        *,
        message: str,
        trailers: Sequence[tuple[str, str]] = (),
        attempts: int = 20,
    ) -> str:
        """Commit `changes` on `branch`, again on its new tip where others come first; nothing to change, no commit.

        Raises
        ------
        BranchMoved
            Where others came first `attempts` times.
        """
        self._refuse_protected(branch)
        text, attempt = add_trailers(message, trailers), 1
        with ExitStack() as queue:
            while True:
                tip, stamp = self._tip(branch), self._stamp()
                tree = self.tree_with(tip, changes)
                if tree == self._tree(tip):
                    return tip
                try:
                    return self._move(branch, tree, tip, text, stamp)
                except BranchMoved:
                    if attempt >= attempts:
                        raise
                if attempt == 1:  # by retries alone some writer would fail in the end
                    queue.enter_context(writer_lock(self.git_dir))
                time.sleep(random.uniform(0, 0.005 * attempt))  # noqa: S311  others may write without the lock
                attempt += 1

    def approve(
        self,
        commit: str,
        *,
        message: str,
        trailers: Sequence[tuple[str, str]] = (),
        sign: bool = False,
        demanded: bool = True,
    ) -> str:
        """Record that this user agrees to a commit, and return the approval's object id. No branch moves.

        It replaces an earlier approval of the same commit by the same e-mail address.

        Raises
        ------
        BranchNotFound
            Where there is no such commit.
        BranchError
            Where git knows no identity, or cannot sign.
        """
        about = self.show(commit).id
        ref = approval_ref(about, self.identity())
        text = add_trailers(message, trailers)
        made = self._store_tag(about, ref.removeprefix("refs/"), text, is_signed=sign, is_demanded=demanded)
        try:
            self._move_ref(ref, made)
        except GitFailed as failure:
            raise explain_failure(failure, "writing the approval") from None
        return made

    def tag(self, name: str) -> Tag | None:
        """Return the tag `name`, or `None` where there is none.

        Raises
        ------
        InvalidName
            For a name that no tag may have.
        BranchError
            Where it is not about a commit, or is another tag's object under this name.
        """
        found = self._refs(f"{TAGS}{valid_tag(name)}").get(f"{TAGS}{name}")
        if found is None:
            return None
        tag = self._tag(name, found)
        if tag is None:
            raise BranchError(
                f"Tag {name!r} is not about a commit, or was made under another name.",
                remedy=f"Look at `git cat-file tag {name}`; delete it if nobody knows it: git tag -d {name}.",
            )
        return tag

    def tags(self, pattern: str = "*") -> list[Tag]:
        """Return the tags of commits whose names match `pattern` (``*``, ``?``, ``[...]``), sorted by name."""
        named = ((ref.removeprefix(TAGS), object_id) for ref, object_id in self._refs(TAGS.rstrip("/")).items())
        found = (self._tag(name, object_id) for name, object_id in sorted(named) if fnmatchcase(name, pattern))
        return [tag for tag in found if tag is not None]

    def approvals(self, commit: str) -> list[Approval]:
        """Return who agreed to a commit, oldest first: for each e-mail address the newest approval, here or fetched.

        An object that is about another commit, or lies under another's name, is none.
        """
        commit_id = self._full_id(commit)
        newest: dict[str, Approval] = {}
        for ref, object_id in self._refs(f"{APPROVALS}{commit_id}", f"{FETCHED}**/approvals/{commit_id}/*").items():
            approval = self._approval(commit_id, object_id)
            own = approval_ref(commit_id, approval.identity) if approval else ""
            if approval is None or not ref.endswith(own.removeprefix("refs/workbench")):
                continue
            if own not in newest or newest[own].time < approval.time:
                newest[own] = approval
        return sorted(newest.values(), key=lambda approval: (approval.time, approval.identity))

    def signature_of(self, object_id: str, *, allowed_signers: str, at: datetime | None = None) -> Signature:
        """Return what the signature of a commit, annotated tag or approval is worth.

        Nothing that this user has configured counts: no program, key ring or allowed-signers file.

        Parameters
        ----------
        object_id
            A full id.
        allowed_signers
            The text of the allowed-signers file; read it from main, never from the working tree.
        at
            When the key has to be valid; now if absent.

        Raises
        ------
        BranchError
            Where there is no such object, or no ``ssh-keygen`` to verify with.
        """
        kind, data = self._objects.read(object_id)
        if kind not in {"commit", "tag"}:
            raise BranchError(f"{object_id[:10]} is a {kind}, which nobody signs.", remedy="Give a commit or a tag.")
        return verify_signature(SignedObject.of(kind, data), allowed_signers=allowed_signers, at=at)

    def _tag(self, name: str, object_id: str) -> Tag | None:
        kind, data = self._objects.read(object_id)
        if kind == "commit":
            return Tag(name, object_id, object_id, None, None, "")
        found = TagObject.parse(data) if kind == "tag" else None
        is_what_it_says = found is not None and (found.kind, found.name) == ("commit", name)
        return Tag.of(name, object_id, data) if is_what_it_says else None

    def _approval(self, commit: str, object_id: str) -> Approval | None:
        kind, data = self._objects.read(object_id)
        found = TagObject.parse(data) if kind == "tag" else None
        if found is None or (found.about, found.kind) != (commit, "commit"):
            return None
        if found.tagger is None or found.time is None:
            return None
        if found.name != approval_ref(commit, found.tagger).removeprefix("refs/"):
            return None
        return Approval(object_id, commit, found.tagger, found.time, found.message, found.trailers)
