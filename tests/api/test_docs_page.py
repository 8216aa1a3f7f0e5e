from __future__ import annotations

import json
from html.parser import HTMLParser

from runicorn_api.docs_page import page
from runicorn_api.openapi import REFUSALS, document
from runicorn_api.operations import OPERATIONS

DOCUMENT = document("test")


class Page(HTMLParser):
    """Collects what a browser would load, run or follow."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.tags: set[str] = set()
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            assert not name.startswith("on")
            assert name != "style"
            if name in ("href", "src", "action"):
                self.links.append(value or "")
            if name == "id":
                self.anchors.add(value or "")

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_loads_nothing_and_its_links_lead_somewhere() -> None:
    shown = Page(page(DOCUMENT))
    assert not shown.tags & {"script", "img", "link", "iframe", "form", "object", "embed", "svg"}
    assert {link for link in shown.links if not link.startswith("#")} == {"openapi.json"}
    assert {link[1:] for link in shown.links if link.startswith("#")} <= shown.anchors


def test_the_page_shows_every_operation_parameter_shape_and_refusal() -> None:
    shown = Page(page(DOCUMENT)).text
    for operation in OPERATIONS:
        assert f"{operation.method} {operation.path}" in shown
        assert all(row.name in shown for row in operation.parameters)
    assert all(name in shown for name in DOCUMENT["components"]["schemas"])
    assert all(str(status) in shown for status in REFUSALS)


def test_the_page_shows_hostile_words_as_they_are() -> None:
    hostile = json.loads(json.dumps(DOCUMENT).replace("Aggregates", "<script>`<b>`&quot;"))
    assert "script" not in Page(page(hostile)).tags
    assert "<script>" in Page(page(hostile)).text
