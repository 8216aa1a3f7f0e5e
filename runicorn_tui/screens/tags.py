"""Changes the tags of some experiments: what they have, what there is, what is to be added and taken away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from runicorn_db.errors import InvalidQuery, StoreError
from runicorn_db.outcomes import AnnotatePreview
from runicorn_db.query import Snapshot
from runicorn_tui import format, keys
from runicorn_tui.acts import CHUNK, parts
from runicorn_tui.progress import bar
from runicorn_tui.screens import LOW_BELOW
from runicorn_tui.screens.choosing import Choosing, choosing
from runicorn_tui.screens.dialog import ClosingItself
from runicorn_tui.tag_words import TagChange, begun, read_change
from runicorn_tui.terminal import safe
from runicorn_tui.widgets.line_table import fit
from runicorn_tui.widgets.status_line import KeyBar, Line
from runicorn_tui.widgets.tag_input import TagInput

_CANDIDATES = 6
_LABEL = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagged:
    """What was done before the dialog closed; `problem` is why it stopped early."""

    change: TagChange
    changed: int
    asked: int
    done: int
    problem: str | None = None

    def __str__(self) -> str:
        sentence = f"{self.change}: {format.plural(self.changed, 'experiment')} changed"
        if already := self.done - self.changed:
            sentence += f", {already:,} had it so already"
        if left := self.asked - self.done:
            sentence += f", {left:,} not touched"
        return sentence if self.problem is None else f"{sentence}: {self.problem}"


class TagsScreen(Choosing[Tagged | None], ClosingItself[Tagged | None]):
    """About exactly these experiments; `hidden` of them are marked and not listed."""

    SCOPES: ClassVar[tuple[keys.Scope, ...]] = ("tagging",)
    AUTO_FOCUS = "TagInput"

    def __init__(self, chosen: Snapshot, *, hidden: int = 0) -> None:
        super().__init__()
        self._chosen = chosen
        self._hidden = hidden
        self._change = TagChange()
        self._problem = ""
        self._is_changing = False
        self._is_called_off = False

    @property
    def input(self) -> TagInput:
        return self.query_one(TagInput)

    def compose(self) -> ComposeResult:
        with Vertical(id="tags"):
            yield Static(Content(" Looking…"), id="tags-body", markup=False)
            yield TagInput(id="tags-input")
            yield Static("", id="tags-found", markup=False)
            yield Line(id="tags-prompt")
            yield KeyBar()

    def on_mount(self) -> None:
        self.input.placeholder = "keep best -old: adds two tags, takes one away"
        self.query_one(KeyBar).show([key for key in keys.of("tagging") if key.in_footer])
        self._look()

    @work(group="tags")
    async def _look(self) -> None:
        ask, store = self.app.ask, self.app.store
        try:
            preview = await ask(store.preview_annotate, self._chosen)
            self.input.known = await ask(store.tag_counts)
        except StoreError as error:
            self.query_one("#tags-body", Static).update("")
            self._show_prompt(str(error), "$error")
            return
        self.input.held = preview.tags
        self.query_one("#tags-body", Static).update(Content("\n").join(self._lines(preview)))
        self.input.look()

    def _lines(self, preview: AnnotatePreview) -> list[Content]:
        everyone = {tag: count for tag, count in preview.tags.items() if count == preview.total}
        some = {tag: count for tag, count in preview.tags.items() if count < preview.total}
        lines = [Content.styled(f" Tags of {format.plural(preview.total, 'experiment')}", "bold")]
        if self.app.size.height >= LOW_BELOW:
            lines.append(Content(""))
        if everyone or not some:
            lines.append(_labelled("all have", _listed(dict.fromkeys(everyone)) or "no tag", "$foreground"))
        if some:
            lines.append(_labelled("some", _listed(some), "$foreground"))
        if self._hidden:
            lines.append(_labelled("hidden", f"{self._hidden:,} of the marked ones do not match the filter", "$accent"))
        if preview.index_only:
            text = f"{preview.index_only:,} in read-only roots: only this index will know"
            lines.append(_labelled("note", text, "$accent"))
        return lines

    # What is being typed.

    @on(Input.Changed)
    def _typed(self) -> None:
        text = self.input.value
        before, _, letters = begun(text)
        try:
            # A lone minus sign is a word that has only begun.
            self._change, self._problem = read_change(text if letters else before), ""
        except InvalidQuery as error:
            self._change, self._problem = TagChange(), str(error)
        if self._problem:
            self._show_prompt(self._problem, "$warning")
        else:
            self._show_prompt(_said(self._change), "$foreground")

    @on(TagInput.Turned)
    def _show_candidates(self) -> None:
        field = self.input
        first = max(0, min(field.chosen - _CANDIDATES // 2, len(field.candidates) - _CANDIDATES))
        lines: list[Content] = []
        for place, tag in list(enumerate(field.candidates))[first : first + _CANDIDATES]:
            mark, style = ("›", "bold $primary") if place == field.chosen else (" ", "$text-muted")
            count = field.known.get(tag, field.held.get(tag, 0))
            line = Content.assemble((f" {mark} ", style), (fit(tag, 48), style), (f"{count:>12,}", "$text-muted"))
            lines.append(choosing(line, place))
        if not lines:
            word = "none of them has such a tag" if begun(field.value)[1] else "a new tag"
            lines.append(Content.styled(f"   {word}", "$text-muted"))
        more = max(0, len(field.candidates) - first - _CANDIDATES)
        lines.append(Content.styled(f"   … {more:,} more", "$text-muted") if more > 0 else Content(""))
        lines += [Content("")] * (_CANDIDATES + 1 - len(lines))
        self.query_one("#tags-found", Static).update(Content("\n").join(lines))

    async def choose(self, what: int) -> None:
        self.input.chosen = what
        self.input.action_complete()

    def _show_prompt(self, text: str, style: str) -> None:
        self.query_one("#tags-prompt", Line).show(Content.assemble(" ", (safe(text), style)))

    # Acting.

    @on(Input.Submitted)
    def _submitted(self) -> None:
        if self._change and not self._problem and not self._is_changing:
            self._is_changing = True
            self._apply(self._change)

    @on(TagInput.Cancelled)
    def _cancelled(self) -> None:
        if self._is_changing:
            self._is_called_off = True
        else:
            self.dismiss(None)

    @work(group="tag")
    async def _apply(self, change: TagChange) -> None:
        ask, store, asked = self.app.ask, self.app.store, len(self._chosen)
        changed, done, problem = 0, 0, None
        stops = f"{self.app.keymap.hint('tags-cancel')} stops here"
        try:
            with self.app.doing(lambda: f"changing tags: {done:,} of {asked:,}"):
                for part in parts(self._chosen):
                    if self._is_called_off:
                        break
                    if asked > CHUNK:
                        self._show_prompt(f"{bar(done, asked)}   {stops}", "$accent")
                    ids = await ask(store.id_list, part)
                    result = await ask(store.annotate, ids, add_tags=change.add, remove_tags=change.remove)
                    changed += result.changed
                    done += len(part)
        except StoreError as error:
            problem = str(error)
        self.finish(Tagged(change=change, changed=changed, asked=asked, done=done, problem=problem))


def _labelled(label: str, text: str, style: str) -> Content:
    return Content.assemble((f" {label:<{_LABEL}}", "$text-muted"), (text, style))


def _listed(counts: Mapping[str, int | None]) -> str:
    """`keep   sweep 12   … 3 more`: as many as fit into a line."""
    said = [fit(tag, 24).rstrip() + ("" if count is None else f" {count:,}") for tag, count in counts.items()]
    shown = len(said)
    text = "   ".join(said)
    while cell_len(text) > 62 and shown > 1:
        shown -= 1
        text = "   ".join([*said[:shown], f"… {len(said) - shown:,} more"])
    return text


def _said(change: TagChange) -> str:
    parts = [("adds", TagChange(add=change.add)), ("takes away", TagChange(remove=change.remove))]
    return "   ".join(f"{verb} {part}" for verb, part in parts if part)
