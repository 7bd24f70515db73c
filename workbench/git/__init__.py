"""Git without a checkout: branches as experiments, commits by plumbing and compare-and-swap.

The working tree, the index and HEAD stay the user's. Only where a branch is checked out do its definition files follow
it, and only if nothing local would be lost.
"""

from __future__ import annotations

from workbench.git.history import Branch, Commit, Lifetime
from workbench.git.identities import Signers, address, addresses, one_of
from workbench.git.locks import writer_lock
from workbench.git.merge import Conflict, MergeResult
from workbench.git.names import valid_branch, valid_tag
from workbench.git.publisher import Publisher
from workbench.git.remote import Remote
from workbench.git.repository import Repository
from workbench.git.signatures import Signature
from workbench.git.tags import Approval, Tag, approval_ref
from workbench.git.upstream import Upstream, join_both, no_remote

__all__ = [
    "Approval",
    "Branch",
    "Commit",
    "Conflict",
    "Lifetime",
    "MergeResult",
    "Publisher",
    "Remote",
    "Repository",
    "Signature",
    "Signers",
    "Tag",
    "Upstream",
    "address",
    "addresses",
    "approval_ref",
    "join_both",
    "no_remote",
    "one_of",
    "valid_branch",
    "valid_tag",
    "writer_lock",
]
