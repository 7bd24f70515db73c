"""The identity of a query plan, where it has one: what makes a refactoring free.

Polars' own binary serialisation is hashed: it is the same in every process and keeps every literal and every in-memory
frame in full (the JSON format writes NaN and infinities as null, so it would take different plans for equal). It is
taken over the plan on the real inputs, because a view may collect something and build its value into the plan.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256

import polars as pl

_SCHEME = "plan/1"
# What makes a plan more than its text: Python functions (as PLPYFN blocks or bare pickles), readers, plugins and
# resolvers that are code. Finding such a word in a literal only costs a reuse; missing one would serve a wrong view.
_CODE = re.compile(
    rb"PLPYFN|Python|AnonymousFunction|AnonymousScan|PipeWithSchema|FfiPlugin|callback|cloudpickle|\xcc?\x80[\x02-\x06]\xcc?[\x95\x8cc]"
)
_UNSEEDED = b"\xa4seed\xc0"  # MessagePack for "seed": null
# A cached sub-plan has a random id of 16 bytes, wherever it is used; what matters is which uses share one.
_CACHE_ID = re.compile(rb"(\xa5Cache\x82\xa5input\x82\xa3idx.{1,9}?\xa7version.{1,9}?\xa2id\xc4\x10)(.{16})", re.DOTALL)


def plan_hash(frame: pl.LazyFrame, inputs: Mapping[str, str] | None = None) -> str | None:
    """Return the identity of what `frame` would compute, or None where its plan does not say it.

    Parameters
    ----------
    frame
        The query, built on the real inputs; it is not run.
    inputs
        Digest of each input by name. A plan names files and not what is in them, so without the digests two plans
        are equal that give different data.

    Returns
    -------
    str | None
        SHA-256 in hex; None for plans that hold Python functions, plugins, or randomness without a seed.

    Examples
    --------
    >>> one = pl.LazyFrame({"a": [1, 2]})
    >>> plan_hash(one.select(pl.col("a") + 1)) == plan_hash(one.select(pl.col("a") + 1))
    True
    >>> plan_hash(one.select(pl.col("a") + 1)) == plan_hash(one.select(pl.col("a") + 2))
    False
    >>> plan_hash(one.select(pl.col("a").map_batches(lambda a: a))) is None
    True
    """
    plan = _serialised(frame)
    if plan is None or _CODE.search(plan) or (b"Random" in plan and _UNSEEDED in plan):
        return None
    facts = repr((_SCHEME, pl.__version__, sorted((inputs or {}).items())))
    return sha256(facts.encode() + b"\0" + _with_numbered_caches(plan)).hexdigest()


def _with_numbered_caches(plan: bytes) -> bytes:
    """Return `plan` with each cache's random id replaced by the order of its first appearance."""
    numbers: dict[bytes, bytes] = {}

    def number(match: re.Match[bytes]) -> bytes:
        return match[1] + numbers.setdefault(match[2], len(numbers).to_bytes(16, "big"))

    return _CACHE_ID.sub(number, plan)


def _serialised(frame: pl.LazyFrame) -> bytes | None:
    try:
        return frame.serialize()
    except (pl.exceptions.PolarsError, TypeError, ValueError, AttributeError, RecursionError):
        return None  # it holds something that cannot be written down, e.g. a function with an open file
