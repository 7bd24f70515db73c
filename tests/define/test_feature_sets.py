from __future__ import annotations

from typing import Any

import pytest

from workbench.define import feature_set
from workbench.errors import DefinitionError, InvalidName


def test_it_is_json_ready() -> None:
    found = feature_set("late", ["delay:mean_7d", "weather@2", "a@1.2:b"], owner="team", tags={"a": "b"})
    assert found.to_dict() == {
        "name": "late",
        "features": ("delay:mean_7d", "weather@2", "a@1.2:b"),
        "owner": "team",
        "description": "",
        "tags": {"a": "b"},
    }


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ([], "does not list features"),
        ("delay", "does not list features"),
        (["Delay"], "'Delay'"),
        (["a:b:c"], "a:b:c"),
        (["a", "a"], "twice"),
    ],
)
def test_what_is_no_list_of_references_is_refused(features: Any, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        feature_set("late", features)


def test_a_set_has_a_valid_name() -> None:
    with pytest.raises(InvalidName):
        feature_set("../late", ["a"])
