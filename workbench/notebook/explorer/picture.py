"""`Picture`: an Altair chart as a widget that answers to a brush, drawn without a network.

Altair's own `JupyterChart` carries Vega (0.9 MB) in each widget's state, which is sent for each chart and saved with
the notebook. Here it is a message that the page asks for once.
"""

from __future__ import annotations

import threading
from functools import cache
from pathlib import Path
from typing import Any

import anywidget
import traitlets

_LIBRARY = "export {vegaEmbed};"
_LOCK = threading.Lock()


def library() -> bytes:
    """Return Vega, Vega-Lite and Vega-Embed as one JavaScript module; making it takes a second, once a process."""
    with _LOCK:
        return _library()


@cache
def _library() -> bytes:
    import vl_convert

    return vl_convert.javascript_bundle(_LIBRARY).encode()


class Picture(anywidget.AnyWidget):
    """A chart.

    Attributes
    ----------
    spec
        Vega-Lite's, as `altair.Chart.to_dict` returns it; empty for no chart. ``usermeta`` says whether it can be
        brushed (an interval selection ``brush`` on x) or picked from (a point selection ``pick``).
    label
        What is drawn, in words.
    brush
        The two ends of the stretch that was brushed, as the page says; empty for none.
    range
        The stretch that is marked, as the kernel says.
    picked
        The category that was clicked at, alone in a list; an empty text for none.
    """

    _esm = Path(__file__).with_name("picture.js").read_text(encoding="utf-8")

    spec = traitlets.Dict().tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)
    brush = traitlets.List(traitlets.Float()).tag(sync=True)
    range = traitlets.List(traitlets.Float()).tag(sync=True)
    picked = traitlets.List(traitlets.Unicode()).tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self.on_msg(self._answer)

    def _answer(self, _: object, content: dict[str, Any], __: object) -> None:
        if content.get("what") == "library":
            self.send({"what": "library"}, buffers=[library()])
