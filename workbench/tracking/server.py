"""``python -m workbench.tracking.server ARTIFACTS PORT``: MLflow's own server, over a store that is whole.

The process becomes MLflow's: what it was given to hold, it holds on to. The store's URI comes by the environment, since
it may hold a password and everybody on the machine sees command lines.
"""

from __future__ import annotations

import os
import sys

from workbench.tracking.database import make_store
from workbench.tracking.paths import Target

STORE = "MLFLOW_BACKEND_STORE_URI"
"""The variable from which MLflow's server takes the store."""


def main(artifacts: str, port: str) -> None:
    """Make the store if it is not there, then be MLflow's server."""
    make_store(Target(os.environ[STORE], artifacts))
    command = [sys.executable, "-P", "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", port, "--workers", "1"]
    os.execv(sys.executable, [*command, "--artifacts-destination", artifacts])  # noqa: S606 - our own interpreter


if __name__ == "__main__":
    main(*sys.argv[1:])
