"""Parameters, metadata and the view id."""

from __future__ import annotations

import re
import threading
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.fingerprint.stage import WEATHER, WEATHER_HELPERS, package, plain, view_of
from workbench.fingerprint import code_hash, metadata_hash, parameters_of, view_id


def fact(**changed: Any) -> Any:
    identity = {"name": "v", "entities": ("a",), "event_time": "t", "created": None, "parameters": {"days": 7}}
    metadata: dict[str, Any] = {
        "owner": None,
        "tags": {},
        "description": "",
        "ttl": None,
        "lookback": None,
        "scope": "entity",
    }
    return SimpleNamespace(**{**identity, **metadata, **changed})


def test_parameters_are_kept_apart() -> None:
    from datetime import timedelta

    values = [1, True, 1.0, "1", None, (1,), [1], timedelta(1), timedelta(2), 0.0, -0.0, float("nan"), b"1", {"a": 1}]
    texts = [parameters_of(fact(parameters={"days": value})) for value in values]
    facts = [fact(entities=("a", "b")), fact(entities=("b", "a")), fact(event_time="u"), fact(created="c")]
    texts += [parameters_of(view) for view in (*facts, fact(parameters={}))]
    assert len(set(texts)) == len(texts)
    one, two = fact(parameters={"a": 1, "b": 2}), fact(parameters={"b": 2, "a": 1})
    assert parameters_of(one) == parameters_of(two)


def test_metadata_has_a_hash_of_its_own() -> None:
    from datetime import timedelta

    changed = [
        *(fact(), fact(owner="me"), fact(tags={"a": "b"}), fact(description="x"), fact(ttl=timedelta(1))),
        *(fact(lookback=timedelta(1)), fact(scope="global")),
    ]
    assert len({metadata_hash(view) for view in changed}) == len(changed)
    assert metadata_hash(fact(tags={"a": "b", "c": "d"})) == metadata_hash(fact(tags={"c": "d", "a": "b"}))
    assert metadata_hash(fact(parameters={"days": 8}, entities=())) == metadata_hash(fact())


@given(
    st.lists(
        st.tuples(st.text(), st.text(), st.dictionaries(st.text(), st.text(), max_size=3)),
        min_size=2,
        max_size=4,
        unique_by=repr,
    )
)
def test_view_ids_never_collide(facts: list[tuple[str, str, dict[str, str]]]) -> None:
    keys = {(code, parameters, tuple(sorted(inputs.items()))) for code, parameters, inputs in facts}
    ids = {view_id(code_hash=code, parameters=parameters, inputs=inputs) for code, parameters, inputs in facts}
    assert len(ids) == len(keys)
    assert all(re.fullmatch("[0-9a-f]{64}", found) for found in ids)


def test_many_threads_may_ask_at_once() -> None:
    found: set[str] = set()
    with package({"helpers": WEATHER_HELPERS, "views": plain(WEATHER)}) as made:
        view = view_of(made.views.view)
        threads = [threading.Thread(target=lambda: found.add(code_hash(view).code_hash)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(found) == 1
