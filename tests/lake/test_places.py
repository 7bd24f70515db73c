"""What a lake's uri means, and which are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.errors import LakeError
from workbench.lake import Lake


@pytest.mark.parametrize(
    ("uri", "meant"),
    [
        (".workbench/lake", "/project/.workbench/lake"),
        ("../shared/lake", "/shared/lake"),
        ("/data/lake", "/data/lake"),
        ("file:///data/my%20lake", "/data/my lake"),
        ("file://localhost/data/lake", "/data/lake"),
        ("s3://bucket/some/prefix/", "s3://bucket/some/prefix"),
        ("s3://bucket", "s3://bucket"),
    ],
)
def test_a_uri_means_a_place(uri: str, meant: str) -> None:
    assert Lake(uri, root=Path("/project")).uri == meant


@pytest.mark.parametrize(
    "uri",
    ["", "http://host/lake", "gs://bucket/lake", "s3:///lake", "file://elsewhere/lake", "s3://b/p?x=1", "a%20b", "a?"],
)
def test_where_no_lake_can_be_says_so(uri: str) -> None:
    with pytest.raises(LakeError, match="cannot be used"):
        Lake(uri, root=Path("/project")).tables()


def test_credentials_in_a_uri_are_refused_and_not_shown() -> None:
    with pytest.raises(LakeError, match="it contains credentials") as caught:
        Lake("s3://KEY:SECRET@bucket/lake", root=Path("/project")).tables()
    assert "SECRET" not in str(caught.value)
    assert "KEY" not in str(caught.value)


def test_a_lake_can_be_named_before_its_place_is_looked_at() -> None:
    Lake("nonsense://", root=Path("/project"))
