"""What npm builds for the browser: an editable install without npm lacks it, and pip does not show what it said."""

from __future__ import annotations


def not_built(what: str) -> str:
    """Return the line that says that a part is not there, and how to have it."""
    return (
        f"The {what} of Feature Workbench is not built; all else works. To have it, install Node.js 20.19 or newer, "
        "then run: pip install --force-reinstall --no-deps -e . in the folder of its source."
    )
