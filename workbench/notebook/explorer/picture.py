"""`Picture`: an Altair chart as a widget that answers to a brush, drawn without a network.

Altair's own `JupyterChart` carries Vega (0.9 MB) in each widget's state, which is sent for each chart and saved with
the notebook. Here it is a message that the page asks for once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import traitlets

LIBRARY = Path(__file__).with_name("vega.js")
"""Vega, Vega-Lite and vega-embed as one JavaScript module, which `extensions/lab` builds."""


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
            self.send({"what": "library"}, buffers=[LIBRARY.read_bytes()] if LIBRARY.is_file() else [])
