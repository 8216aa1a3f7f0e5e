"""The pages of a screen, by number."""

from __future__ import annotations

from collections.abc import Mapping

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widget import Widget


class TabBar(Widget):
    """One line; the page that is shown stands out. Where not all titles have room the others are numbers."""

    DEFAULT_CSS = """
    TabBar { height: 1; background: $panel; }
    """

    class Chosen(Message):
        """A click on a page's title."""

        def __init__(self, page: str) -> None:
            super().__init__()
            self.page = page

    def __init__(self, titles: Mapping[str, str]) -> None:
        super().__init__()
        self._titles = dict(titles)
        self._page = next(iter(titles))

    def show(self, page: str) -> None:
        if page != self._page:
            self._page = page
            self.refresh()

    def title(self, page: str, title: str) -> None:
        """Another title for a page."""
        if self._titles[page] != title:
            self._titles[page] = title
            self.refresh()

    def _labels(self) -> list[tuple[str, str]]:
        labels = [(page, f" {number} {title} ") for number, (page, title) in enumerate(self._titles.items(), 1)]
        if sum(len(label) for _, label in labels) <= self.size.width:
            return labels
        return [
            (page, label if page == self._page else f" {number} ") for number, (page, label) in enumerate(labels, 1)
        ]

    def render(self) -> Content:
        return Content.assemble(
            *(
                Content.styled(label, "bold $background on $primary" if page == self._page else "$text-muted")
                for page, label in self._labels()
            )
        )

    def on_click(self, event: events.Click) -> None:
        begin = 0
        for page, label in self._labels():
            if begin <= event.x < begin + len(label):
                self.post_message(self.Chosen(page))
            begin += len(label)
