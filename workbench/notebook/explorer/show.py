"""`show`: the static report first, the interactive view under it; the first survives whatever happens to the second."""

from __future__ import annotations

import logging
import threading
from functools import cache
from typing import TYPE_CHECKING, Any

from IPython.display import display

from workbench.notebook.explorer.style import AFTERWARDS

if TYPE_CHECKING:
    from workbench.comparison import Difference, Drift
    from workbench.notebook.explorer.explorer import Panel


@cache
def warm_up() -> None:
    """Begin to load widgets and Altair, once a process; returns at once."""
    threading.Thread(target=_load, name="workbench-charts", daemon=True).start()


def _load() -> None:
    import altair  # noqa: F401, ICN001 - loaded for the first chart

    import workbench.notebook.explorer.explorer  # noqa: F401 - loaded for the first view


_LOG = logging.getLogger(__name__)
_VIEW = "application/vnd.jupyter.widget-view+json"


def explore(shown: Difference | Drift) -> Any:
    """Return the interactive view of a difference or of drift, as an `ipywidgets.Widget`.

    Features, entities, periods and branches can be chosen, distributions brushed, rows paged through. Rows stay in the
    kernel: a page of a hundred at a time reaches the browser, and charts of some fifty numbers.
    """
    panel = _panel(shown)
    panel.draw()
    return panel.widget


def show(shown: Difference | Drift) -> None:
    """Display the report of a difference or of drift, and the interactive view as an output of its own.

    What goes wrong with the second is said in a line, and does not touch the first.
    """
    bundle = dict(shown._repr_mimebundle_())
    bundle["text/html"] = f"<div class='wb-summary'><style>{AFTERWARDS}</style>{bundle['text/html']}</div>"
    display(bundle, raw=True)
    try:
        warm_up()
        panel = _panel(shown)
        said = "The interactive view needs a notebook and a running kernel."
        view = {"model_id": panel.widget.model_id, "version_major": 2, "version_minor": 0}
        display({"text/plain": said, _VIEW: view}, raw=True)
        panel.draw()
    except Exception as error:  # noqa: BLE001 - the report above is what was asked for
        _LOG.debug("no interactive view", exc_info=error)
        line = f"The interactive view could not be started: {type(error).__name__}: {error}".splitlines()[0]
        display({"text/plain": line}, raw=True)


def _panel(shown: Difference | Drift) -> Panel:
    from workbench.notebook.explorer.explorer import Panel
    from workbench.notebook.explorer.subject import subject_of

    return Panel(subject_of(shown))
