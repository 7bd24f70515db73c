"""Git without a checkout: branches as experiments, commits by plumbing and compare-and-swap.

The working tree, the index and HEAD stay the user's. Only where a branch is checked out do its definition files follow
it, and only if nothing local would be lost.
"""

from __future__ import annotations

from workbench.branches.merging import Conflict, Merged
from workbench.branches.model import Branch, Commit
from workbench.branches.names import valid_branch, valid_tag
from workbench.branches.publisher import Publisher
from workbench.branches.remote import Remote
from workbench.branches.repository import Repository
from workbench.branches.tags import Approval, Tag
from workbench.branches.verifying import Signature

__all__ = [
    "Approval",
    "Branch",
    "Commit",
    "Conflict",
    "Merged",
    "Publisher",
    "Remote",
    "Repository",
    "Signature",
    "Tag",
    "valid_branch",
    "valid_tag",
]
