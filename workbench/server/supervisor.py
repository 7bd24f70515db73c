"""Running the service: workers that share one socket, replaced when they die, and given time to end."""

from __future__ import annotations

import ipaddress
import multiprocessing
import os
import resource
import shutil
import signal
import socket
import tempfile
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import UsageError
from workbench.server.logs import LOGGER, configure_logs

if TYPE_CHECKING:
    from uvicorn import Config

    from workbench.server.settings import ServiceOptions

BACKLOG = 2_048
MOST_FILES = 2**16
"""Files that a worker may have open, connections among them, where the system allows it."""
HEALTH_SECONDS = 30
"""Seconds that a worker may be silent before it is replaced."""


def refuse_strangers(options: ServiceOptions) -> None:
    """Raise where other machines could read features without a token."""
    settings = options.serve
    if settings.open or options.tokens.exists() or _is_loopback(settings.host):
        return
    raise UsageError(
        f"There are no tokens, and {settings.host} can be reached by other machines.",
        remedy="Make a token (`workbench token create NAME`), or say --open where everybody may read all features.",
    )


def run_service(options: ServiceOptions) -> None:
    """Serve until a signal ends it."""
    from uvicorn.supervisors import Multiprocess

    configure_logs()
    refuse_strangers(options)
    if options.serve.traces is not None:
        from workbench.server.tracing import exporter_to

        exporter_to(options.serve.traces)  # said once, and not by every worker
    metrics = Path(tempfile.mkdtemp(prefix=f"workbench-serve-{os.getpid()}-"))
    listening = _listen(options.serve.host, options.serve.port)
    _open_many()
    try:
        host, port = listening.getsockname()[:2]
        facts = {"url": f"http://{f'[{host}]' if ':' in host else host}:{port}", "workers": options.serve.workers}
        facts |= {"tokens": "required" if options.tokens.exists() else "none"}
        LOGGER.info("serving", extra={"facts": facts})
        Multiprocess(configured(replace(options, metrics=metrics)), [listening]).run()
    finally:
        listening.close()
        shutil.rmtree(metrics, ignore_errors=True)


def _open_many() -> None:
    """Let the workers have as many connections as the system allows; the usual limit is one of interactive shells."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if most == resource.RLIM_INFINITY else min(MOST_FILES, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _listen(host: str, port: int) -> socket.socket:
    """Return the socket that all workers accept from; it outlives each of them, so what waits in it is answered."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        found = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise UsageError(
            f"The service cannot listen on {host}:{port}: {error.strerror or error}.",
            remedy="Give another --port or --host; 0 is a free port.",
        ) from None
    found.set_inheritable(True)
    return found


def configured(options: ServiceOptions) -> Config:
    """Return how uvicorn runs a worker."""
    from uvicorn import Config

    settings = options.serve
    return Config(
        _Application(options),
        factory=True,
        workers=settings.workers,
        loop="uvloop",
        http="workbench.server.connection:Connection",  # loaded by workers: what starts them does without Polars
        ws="none",
        interface="asgi3",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=settings.grace_seconds,
        timeout_worker_healthcheck=HEALTH_SECONDS,
    )


class _Application:
    """Makes the service in a worker, which starts with nothing of its parent's."""

    def __init__(self, options: ServiceOptions) -> None:
        self._options = options

    def __call__(self) -> Any:
        configure_logs()
        threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
        from workbench.server.app import FeatureService  # what starts the workers does without its libraries

        return FeatureService(self._options)


def _end_with_parent() -> None:
    """End this worker when the process that started it is gone: nobody would replace it, and it holds the address."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        LOGGER.error("the process that started this worker is gone")
        os.kill(os.getpid(), signal.SIGTERM)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
