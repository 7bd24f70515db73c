"""Git without a checkout: branches as experiments, commits by plumbing and compare-and-swap.

The working tree, the index and HEAD stay the user's. Only where a branch is checked out do its definition files follow
it, and only if nothing local would be lost.
"""

from __future__ import annotations

from workbench.branches.model import Branch, Commit
from workbench.branches.names import valid_branch
from workbench.branches.repository import Repository

__all__ = ["Branch", "Commit", "Repository", "valid_branch"]
