"""A process that promotes, at the same time as others: run as a script, never imported by the tests."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path


def main() -> None:
    """Run ``rival.py ROOT BRANCH START VIEW...``: at the time START promote the views, and print what came of it."""
    root, branch, start, *views = sys.argv[1:]
    import workbench as wb
    from workbench.errors import WorkbenchError
    from workbench.promote import promote

    project = wb.open(Path(root), branch=branch)
    time.sleep(max(0.0, float(start) - time.time()))
    try:
        report = promote(project._workspace, views, branch=branch, accept=dict.fromkeys(views, "a race"))
        print(json.dumps({"versions": report.versions, "commit": report.commit}))
    except WorkbenchError as error:
        print(json.dumps({"error": type(error).__name__, "message": str(error)}))


if __name__ == "__main__":
    main()
