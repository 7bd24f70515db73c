"""Diagrams are well-formed, escape what users wrote, say by words what colours say, and know what is too much."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from workbench.render import Box, Diagram, Link, Report, Row
from workbench.render.diagram import MERMAID_LINKS, MOST_LINKS

HOSTILE = "<script>alert('x')</script>\"`#1;"
SVG = "{http://www.w3.org/2000/svg}"


def small(**changes: object) -> Diagram:
    boxes = (
        Box("s", "source", "flights"),
        Box("v", "view", "delay", note="2 features", mark="modified"),
        Box("w", "view", "gone", mark="removed"),
        Box("m", "model run", "late 1234", mark="affected"),
    )
    links = (Link("s", "v"), Link("v", "m"), Link("s", "m", is_dashed=True), Link("s", "w"), Link("s", "elsewhere"))
    return Diagram(**{"boxes": boxes, "links": links, **changes})  # type: ignore[arg-type]  # as the caller says


def drawn(diagram: Diagram) -> ET.Element:
    html = diagram.html()
    return ET.fromstring(html[html.index("<svg") : html.rindex("</svg>") + 6])


def test_the_picture_has_every_box_and_says_its_kind_and_mark_in_words() -> None:
    texts = ["".join(text.itertext()) for text in drawn(small()).iter(f"{SVG}text")]
    assert texts[0:2] == ["source", "flights"]
    assert texts[2].split() == ["view", "·", "2", "features", "~", "modified"]
    assert {"removed", "affected"} <= {word for text in texts for word in text.split()}


def test_a_link_to_what_is_not_there_is_not_drawn_and_a_possible_one_is_dashed() -> None:
    lines = [path.get("class") for path in drawn(small()).iter(f"{SVG}path")]
    assert sum("wb-all" in str(line) for line in lines) >= 2, "over the layer between, too"
    assert "elsewhere" not in small().html()


def test_what_users_wrote_is_escaped_everywhere() -> None:
    diagram = Diagram((Box("a", HOSTILE, HOSTILE, HOSTILE, (Row("r", HOSTILE),)), Box("b", "view", HOSTILE)), ())
    html = diagram.html()
    assert "<script" not in html
    drawn(diagram)
    labels = re.findall(r'\["(.*)"\]', diagram.markdown())
    assert len(labels) == 3
    assert not [label for label in labels if set('<>"`') & set(label)]


def test_rows_are_drawn_in_their_box_and_links_lead_to_them() -> None:
    boxes = (
        Box("s", "source", "flights", rows=(Row("s:a", "a"), Row("s:b", "b"))),
        Box("v", "view", "delay", rows=(Row("v:x", "x", mark="added"),)),
    )
    diagram = Diagram(boxes, (Link("s:b", "v:x"),), focus="v:x")
    (line,) = drawn(diagram).iter(f"{SVG}path")
    assert line.get("d", "").startswith("M")
    assert diagram.text().splitlines() == ["view delay", "  x [added] < flights: b"]
    assert "subgraph" in diagram.markdown()


def test_the_tree_opens_what_comes_again_only_once() -> None:
    boxes = tuple(Box(name, "view", name) for name in "abcd")
    links = (Link("a", "b"), Link("a", "c"), Link("b", "c"), Link("c", "d"))
    assert Diagram(boxes, links).text().splitlines() == [
        "view a",
        "├─ view b",
        "│  └─ view c",
        "│     └─ view d",
        "└─ view c ...",
    ]


def test_a_long_chain_is_no_reason_to_fail() -> None:
    boxes = tuple(Box(str(place), "view", str(place)) for place in range(790))
    links = tuple(Link(str(place), str(place + 1)) for place in range(789))
    diagram = Diagram(boxes, links)
    assert len(diagram.text().splitlines()) == 790
    drawn(diagram)


def test_too_much_is_said_and_not_drawn() -> None:
    boxes = tuple(Box(str(place), "view", str(place)) for place in range(60))
    links = tuple(Link(str(a), str(b)) for a in range(60) for b in range(60) if a < b) * 2
    assert len(links) > MOST_LINKS
    many = Diagram(boxes, links)
    assert "too many to draw" in many.html()
    assert many.markdown().startswith("```text")
    assert len(links[: MERMAID_LINKS + 1]) > MERMAID_LINKS
    assert Diagram(boxes, links[: MERMAID_LINKS + 1]).markdown().startswith("```text")


def test_a_picture_is_small_and_needs_nothing_else() -> None:
    boxes = tuple(Box(f"v{place}", "view", f"a_feature_view_{place}", "3 features") for place in range(200))
    links = tuple(Link(f"v{place}", f"v{place + 20}") for place in range(180))
    html = Diagram(boxes, links).html()
    assert len(html) < 200_000
    assert "http" not in html.replace("http://www.w3.org/2000/svg", "")


def test_a_report_shows_its_diagram_as_picture_as_tree_and_as_mermaid() -> None:
    report = Report("t", figures=(small(),))
    assert "<svg" in report.html()
    assert "└─" in report.text()
    assert "```mermaid" in report.markdown()
