"""`TagReader`: tags, approvals and signatures, as far as they are what the refs that lead to them say."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from workbench.errors import BranchError
from workbench.git.names import valid_tag
from workbench.git.reader import Reader
from workbench.git.signatures import Signature, Signed, judge
from workbench.git.tags import APPROVALS, FETCHED, TAGS, Approval, Tag, TagObject, approval_ref

if TYPE_CHECKING:
    from datetime import datetime


class TagReader(Reader):
    """The part of `Repository` that reads tags and approvals."""

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
        wanted = self._known(commit)
        newest: dict[str, Approval] = {}
        for ref, object_id in self._refs(f"{APPROVALS}{wanted}", f"{FETCHED}**/approvals/{wanted}/*").items():
            approval = self._approval(wanted, object_id)
            own = approval_ref(wanted, approval.identity) if approval else ""
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
        return judge(Signed.of(kind, data), allowed_signers=allowed_signers, at=at)

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
