"""Reading what is published: by version from the lake, whatever branches and sources are since."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.serve.conftest import spine_of

if TYPE_CHECKING:
    from workbench.project import Project

SPINE = spine_of(("u0", 190.0), ("u3", 100.5), ("nobody", 9.0))


def test_a(mart: Project) -> None:
    store = mart.store
    print(store)
    t1 = store.training_set(SPINE, ["spend@1", "clock"])
    t2 = store.training_set(SPINE, ["spend", "clock"])
    print(t1, t2, store.ledger.report().text(), store.ledger.to_dict())
    print(store.training_set(SPINE, "both"), store.snapshot("spend@1.0"), store.rows("late", "2024-01-01T00:10"))
    print(store.why_row(t1, 0, "total").report().text())
