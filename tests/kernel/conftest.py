"""A real kernel, started once a module, in a small project."""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jupyter_client.manager import start_new_kernel

from tests import guide
from tests.conftest import identify, make_trial
from tests.guide import NOTEBOOKS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_client.blocking.client import BlockingKernelClient
    from jupyter_client.manager import KernelManager


@dataclass
class Reply:
    """What one cell did: its status, what it displayed (the last state of each output), its error."""

    status: str
    outputs: list[dict[str, Any]] = field(default_factory=list)
    displays: dict[str, dict[str, Any]] = field(default_factory=dict)
    stdout: str = ""
    error: list[str] = field(default_factory=list)
    next_input: str = ""

    @property
    def html(self) -> str:
        shown = [*self.outputs, *self.displays.values()]
        return "\n".join(data.get("text/html", "") for data in shown)

    @property
    def text(self) -> str:
        shown = [*self.outputs, *self.displays.values()]
        return "\n".join([self.stdout, *(data.get("text/plain", "") for data in shown)])

    @property
    def traceback(self) -> str:
        return "\n".join(self.error)


@dataclass
class Kernel:
    """A running kernel and its client."""

    root: Path
    manager: KernelManager
    client: BlockingKernelClient

    def run(self, code: str, *, timeout: float = 300) -> Reply:
        message = self.client.execute(code)
        reply = Reply("")

        def output(msg: dict[str, Any]) -> None:
            if msg["parent_header"].get("msg_id") == message:
                _take(reply, msg["msg_type"], msg["content"])

        while True:
            msg = self.client.get_iopub_msg(timeout=timeout)
            output(msg)
            is_ours = msg["parent_header"].get("msg_id") == message
            if is_ours and msg["msg_type"] == "status" and msg["content"]["execution_state"] == "idle":
                break
        content = self._reply(message, timeout)["content"]
        reply.status = content["status"]
        following = [each["text"] for each in content.get("payload", ()) if each["source"] == "set_next_input"]
        for each in content.get("payload", ()):
            if each["source"] == "page":
                reply.outputs.append(each["data"])
        reply.next_input = following[-1] if following else ""
        return reply

    def complete(self, code: str) -> list[str]:
        message = self.client.complete(code, len(code))
        content = self._reply(message, 300)["content"]
        start = content["cursor_start"]
        return [code[:start] + match for match in content["matches"]]

    def kinds(self, code: str) -> dict[str, str]:
        """Return what completes `code`, each with its kind."""
        message = self.client.complete(code, len(code))
        found = self._reply(message, 300)["content"]["metadata"]["_jupyter_types_experimental"]
        return {each["text"]: each["type"] for each in found}

    def inspect(self, code: str) -> str:
        message = self.client.inspect(code, len(code))
        return str(self._reply(message, 300)["content"]["data"].get("text/plain", ""))

    def _reply(self, message: str, timeout: float) -> dict[str, Any]:
        while True:
            reply: dict[str, Any] = self.client.get_shell_msg(timeout=timeout)
            if reply["parent_header"].get("msg_id") == message:
                return reply


def _take(reply: Reply, kind: str, content: dict[str, Any]) -> None:
    if kind == "stream":
        reply.stdout += content["text"]
    elif kind == "execute_result":
        reply.outputs.append(content["data"])
    elif kind in {"display_data", "update_display_data"}:
        key = content.get("transient", {}).get("display_id") or str(len(reply.displays))
        reply.displays[key] = content["data"]
    elif kind == "error":
        reply.error = content["traceback"]


@contextlib.contextmanager
def running_kernel(folder: Path, **environment: str) -> Iterator[Kernel]:
    manager, client = start_new_kernel(kernel_name="python3", cwd=str(folder), env={**os.environ, **environment})
    try:
        yield Kernel(folder, manager, client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def read_guide(name: str) -> Any:
    """Return a notebook of the guide without its outputs."""
    return guide.read_guide(NOTEBOOKS / name)


def run_guide(name: str, folder: Path) -> list[Any]:
    """Run a notebook of the guide from top to bottom in `folder`, and return its cells of code with what they say."""
    cells = guide.code_cells(guide.run_guide(NOTEBOOKS / name, folder))
    for cell in cells:
        cell.outputs = [output for output in cell.outputs if not guide.is_blank(output)]
    return cells


@pytest.fixture(scope="module")
def module_kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A kernel in the small project, with the extension loaded."""
    folder = tmp_path_factory.mktemp("kernel")
    with pytest.MonkeyPatch.context() as patch:
        identify(folder, patch)
        with running_kernel(make_trial(folder)) as running:
            reply = running.run("%load_ext workbench")
            assert reply.status == "ok", reply.traceback
            yield running


@pytest.fixture
def kernel(module_kernel: Kernel, request: pytest.FixtureRequest) -> Kernel:
    """The module's kernel, on an experiment of the test's own."""
    name = re.sub("[^a-z0-9]+", "-", request.node.name.lower().removeprefix("test_")).strip("-")
    reply = module_kernel.run(f"%feature branch exp/{name[:80]} --objective 'See it work'")
    assert reply.status == "ok", reply.traceback
    return module_kernel
