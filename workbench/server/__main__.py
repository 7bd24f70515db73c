"""The process that runs the service: what `workbench serve` becomes."""

from __future__ import annotations

import os
import sys

from workbench.errors import WorkbenchError
from workbench.server.settings import SERVICE, ServiceOptions
from workbench.server.supervisor import run_service


def main() -> int:
    """Serve what the environment describes; return the exit code."""
    try:
        run_service(ServiceOptions.from_json(os.environ.pop(SERVICE)))
    except WorkbenchError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
