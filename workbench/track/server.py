"""``python -m workbench.track.server URI ARTIFACTS PORT``: MLflow's own server, over a store that is whole.

The process becomes MLflow's: what it was given to hold, it holds on to.
"""

from __future__ import annotations

import os
import sys

from workbench.track.fresh import make_store
from workbench.track.places import Target


def main(uri: str, artifacts: str, port: str) -> None:
    """Make the store if it is not there, then be MLflow's server."""
    make_store(Target(uri, artifacts))
    command = [sys.executable, "-P", "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", port, "--workers", "1"]
    os.execv(sys.executable, [*command, "--backend-store-uri", uri, "--artifacts-destination", artifacts])  # noqa: S606 - our own interpreter


if __name__ == "__main__":
    main(*sys.argv[1:])
