from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest

import workbench.define as define


def test_importing_the_room_does_not_import_what_is_slow() -> None:
    code = (
        "import sys, workbench.define; print([name for name in ('pandera', 'pint', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_every_name_is_there() -> None:
    assert all(getattr(define, name) is not None for name in define.__all__)
    assert dir(define) == sorted(define.__all__)


def test_no_name_is_a_module_too_so_that_type_checkers_and_import_order_see_the_same() -> None:
    assert [name for name in define.__all__ if find_spec(f"workbench.define.{name}")] == []


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        define.nothing  # noqa: B018  # the point
