"""Whose definitions run here: the user's, those of main's authors, and of whom the user trusted by name."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from workbench.errors import BranchError, NotTrusted, UsageError
from workbench.files import replace_atomically
from workbench.git.command import GitFailed
from workbench.git.identities import address
from workbench.git.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from workbench.git.history import Commit

FILE = "trusted.json"
FOLDER = "features"


class Trusting(Reader):
    """What a repository knows of those who wrote its branches.

    An author is who a commit says: git proves it no more than a letter proves its sender.
    """

    def untrusted(self, ref: str) -> list[Commit]:
        """Return the commits that changed definitions, newest first, whose authors are not trusted here.

        Looked at are those below `ref` that main does not have. Trusted are the user, who wrote a commit that main
        has, and whom `trust` named.
        """
        commit = self._full_id(ref)
        main = self._find_tip(self.trunk)
        if commit == main:
            return []
        beyond = [f"^{main}"] if main else []
        commits = self._log(commit, "--no-follow", *beyond, path=FOLDER)
        known = {*self.trusted(), *self._own_address()}
        strangers = {author for author in {_key(commit.author) for commit in commits} if author not in known}
        strangers = {author for author in strangers if not self._wrote_main(author)}
        return [commit for commit in commits if _key(commit.author) in strangers]

    def refuse_untrusted(self, ref: str) -> None:
        """Do nothing where the definitions at `ref` may run."""
        commit = self._full_id(ref)
        if commit in self._allowed:
            return
        if commits := self.untrusted(commit):
            name = next((name for name in self.names() if self._find_tip(name) == commit), commit[:10])
            lines = [f"{each.id[:10]} {each.author}: {each.subject}" for each in commits]
            raise _not_trusted(
                name, dict.fromkeys(each.author for each in commits), lines, trunk=self.trunk, shallow=self.is_shallow()
            )
        self._allowed.add(commit)

    def trust(self, ref: str) -> list[Commit]:
        """Trust whoever wrote the definitions at `ref`, from now on, and return the commits that nobody trusted."""
        commits = self.untrusted(ref)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        made = {
            _key(each.author): {"author": each.author, "branch": ref, "commit": each.id, "since": now}
            for each in commits
        }
        if made:
            self._keep({**made, **self.trusted()})
        return commits

    def revoke_trust(self, author: str) -> str:
        """Trust somebody no longer, and return the address."""
        known, revoked = self.trusted(), _key(author)
        if revoked not in known:
            raise UsageError.unknown("trusted author", author, known)
        self._keep({each: facts for each, facts in known.items() if each != revoked})
        self._allowed.clear()
        return revoked

    def _keep(self, authors: Mapping[str, Mapping[str, Any]]) -> None:
        replace_atomically(self.home / FILE, json.dumps({"authors": authors}, indent=2) + "\n", durable=True)

    def trusted(self) -> dict[str, dict[str, Any]]:
        """Return whom the user trusted by name, by address; nobody where the list cannot be read."""
        try:
            known = json.loads((self.home / FILE).read_text(encoding="utf-8"))["authors"]
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            return {}
        return known if isinstance(known, dict) else {}

    def _own_address(self) -> Iterator[str]:
        try:
            yield _key(self.identity())
        except BranchError:
            return  # git knows nobody: then nothing here is the user's own

    def _wrote_main(self, author: str) -> bool:
        """Whether main, here or as its remote has it, holds a commit by an address."""
        if "<" in author:
            return False  # no address can be told
        here = f"refs/heads/{self.trunk}"
        there = self._git.run("for-each-ref", "--format=%(upstream)", here).splitlines()
        options = ("--max-count=1", "--format=%H", "--fixed-strings", "--regexp-ignore-case", f"--author=<{author}>")
        for tip in filter(None, (here, *there)):
            try:
                if self._git.run("log", "--no-show-signature", *options, tip, "--").strip():
                    return True
            except GitFailed:
                continue  # no main yet, or an upstream that was never fetched
        return False


def _key(author: str) -> str:
    """Return what an author is known by: the address, or all that the commit says where that is not told for sure."""
    return address(author) or author


def _not_trusted(
    branch: str, authors: Iterable[str], commits: Sequence[str], *, trunk: str, shallow: bool
) -> NotTrusted:
    """Return the error for the definitions of `branch`."""
    who = list(authors)
    cut = f"This is a shallow copy: `git fetch --unshallow` may reveal more authors of {trunk}. " if shallow else ""
    more = [f"  and {len(commits) - 10} more"] if len(commits) > 10 else []
    return NotTrusted(
        f"{branch} has definitions by {', '.join(who)}, who {'is' if len(who) == 1 else 'are'} not trusted "
        "on this machine.",
        lines=[*(f"  {commit}" for commit in commits[:10]), *more],
        remedy=f"{cut}Read them (git diff {trunk}...{branch} -- features), then: workbench trust {branch}",
    )
