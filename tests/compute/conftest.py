"""What the tests of this room share: the stage, and processes that play on it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).parent
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="session")
def stage() -> ModuleType:
    spec = importlib.util.spec_from_file_location("compute_stage", HERE / "stage.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def start() -> Iterator[Start]:
    """Start Python processes: a script of the stage, or code that begins with everything of the stage."""
    running: list[subprocess.Popen[str]] = []

    def begin(*arguments: object, code: str | None = None) -> subprocess.Popen[str]:
        prelude = f"import sys; sys.path.insert(0, {str(HERE)!r}); from stage import *\n"
        program = [str(HERE / "stage.py")] if code is None else ["-c", prelude + code]
        command = [sys.executable, *program, *map(str, arguments)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        running.append(process)
        return process

    yield begin
    for process in running:
        process.kill()
        process.communicate()
