"""A real JupyterLab and a headless Chromium, as a researcher would use them; nothing is fetched from a network."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import ConsoleMessage, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
EXTENSION = Path(__file__).parents[2] / "extensions" / "lab"
BUILT = EXTENSION / "labextension"
STARTING = 180.0
CONNECTED = """() => {
    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel;
    return kernel?.connectionStatus === 'connected' && kernel.status === 'idle';
}"""
ALL_RUN = """() => window.jupyterapp.shell.currentWidget.content.widgets
    .filter(cell => cell.model.type === 'code').every(cell => cell.model.executionCount !== null)"""
QUIET = ("Failed to load resource", "favicon")
"""Console errors that are not ours: Lab asks for files that an offline machine does not have."""


@dataclass
class Lab:
    """A running JupyterLab."""

    url: str
    token: str
    folder: Path
    process: subprocess.Popen[bytes]


@dataclass
class Browser:
    """One page of a browser, and what its console complained of."""

    page: Page
    lab: Lab
    errors: list[str] = field(default_factory=list)

    def open(self, notebook: str) -> None:
        self.page.goto(f"{self.lab.url}/lab/tree/{notebook}?token={self.lab.token}&reset")
        self.page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=180_000)

    def run_all(self, *, timeout: float = 300) -> None:
        self.page.wait_for_function(CONNECTED, timeout=180_000)
        self.page.evaluate("() => { void window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
        self.page.wait_for_function(ALL_RUN, timeout=timeout * 1000)

    def save(self) -> None:
        self.page.evaluate("async () => { await window.jupyterapp.commands.execute('docmanager:save'); return true; }")

    def command(self, name: str) -> None:
        self.page.evaluate("name => { void window.jupyterapp.commands.execute(name); }", name)


def missing(what: str) -> None:
    """Skip for want of `what`, unless CI must have it."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI needs {what}")
    pytest.skip(f"needs {what}")


@pytest.fixture
def lab_arguments() -> list[str]:
    """What Lab is started with beside what every test needs."""
    return []


@pytest.fixture
def panel(tmp_path: Path) -> list[str]:
    """What Lab is started with to have our panel, as it is built here, and our server extension."""
    if not (BUILT / "package.json").is_file():
        missing("the panel, built: npm run build in extensions/lab")
    extensions = tmp_path / "labextensions"
    extensions.mkdir()
    (extensions / "feature-workbench-lab").symlink_to(BUILT)
    return [f"--LabApp.extra_labextensions_path={extensions}", "--ServerApp.jpserver_extensions=workbench.lab=True"]


@pytest.fixture
def lab_program() -> str:
    """The module that is run."""
    return "jupyterlab"


@pytest.fixture
def lab_base() -> str:
    """The path below which the server answers, without the slash at its end."""
    return ""


@pytest.fixture
def lab(tmp_path: Path, identity: None, lab_arguments: list[str], lab_program: str, lab_base: str) -> Iterator[Lab]:
    if CHROMIUM is None:
        missing("chromium on PATH")
    folder = tmp_path / "work"
    folder.mkdir()
    settings = tmp_path / "settings"
    settings.mkdir(parents=True)
    overrides = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}
    (settings / "overrides.json").write_text(json.dumps(overrides))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    homes = {name: str(tmp_path / name.lower()) for name in ("HOME", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")}
    token = "a-token-of-this-test"
    log = (tmp_path / "lab.log").open("wb")
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", lab_program, "--no-browser", "--allow-root", f"--ServerApp.port={port}"),
            f"--ServerApp.base_url={lab_base}/",
            *("--ServerApp.port_retries=0", "--ServerApp.ip=127.0.0.1", f"--IdentityProvider.token={token}"),
            *("--LabApp.expose_app_in_browser=True", f"--LabApp.app_settings_dir={settings}"),
            f"--LabApp.user_settings_dir={tmp_path / 'user-settings'}",
            *lab_arguments,
        ],
        cwd=folder,
        env={**os.environ, **homes, "JUPYTER_CONFIG_DIR": str(tmp_path / "config"), "IPYTHONDIR": str(tmp_path / "ip")},
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    log.close()
    running = Lab(f"http://127.0.0.1:{port}{lab_base}", token, folder, process)
    try:
        _wait(running, tmp_path / "lab.log")
        yield running
    finally:
        process.terminate()
        process.wait(timeout=120)


def _wait(lab: Lab, log: Path) -> None:
    until = time.monotonic() + STARTING
    while time.monotonic() < until and lab.process.poll() is None:
        try:
            with urllib.request.urlopen(f"{lab.url}/api/status?token={lab.token}", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")


@pytest.fixture
def browser(lab: Lab) -> Iterator[Browser]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = chromium.new_page(viewport={"width": 1280, "height": 1600})
        shown = Browser(page, lab)

        def console(message: ConsoleMessage) -> None:
            if message.type == "error" and not any(known in message.text for known in QUIET):
                shown.errors.append(message.text)

        def crash(error: Any) -> None:
            shown.errors.append(getattr(error, "stack", None) or str(error))

        page.on("console", console)
        page.on("pageerror", crash)
        try:
            yield shown
        finally:
            page.screenshot(path=lab.folder.parent / "last.png", full_page=True)
            chromium.close()
