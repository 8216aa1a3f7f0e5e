"""The filter language: the one text by which screen, command line and REST narrow a list.

    query = group { "or" group }        group = term { term }, all of which must hold
    term  = [ "-" | "!" ] ( word | field op value { "," value } )
    op    = ":" | "=" | "!=" | "<" | "<=" | ">" | ">="

A word, field or value may be "quoted", with \\" and \\\\ inside. A quoted field is a metric or a
parameter, never a field of the language.
"""

from __future__ import annotations

import re
from typing import NoReturn

import regex

from runicorn_db.criteria import Criteria, Field, Term, Text
from runicorn_db.filter_terms import FIELDS, TEXT_FIELDS, Note, Piece, Unclear, build
from runicorn_db.query import MAX_SEARCH_LENGTH, shown

__all__ = ["FIELDS", "MAX_CONDITIONS", "MAX_LENGTH", "Note", "parse"]

MAX_LENGTH = 4096
MAX_CONDITIONS = 500
"""Words and values in one text: SQLite refuses an expression deeper than 1000."""

_SPACE = re.compile(r"\s*")
_GLUED = re.compile(r"\S*")
_OR = re.compile(r"or(?!\S)", re.IGNORECASE | re.ASCII)
_OPERATOR = re.compile(r"!=|<=|>=|[:=<>]")
_OPERATORS = re.compile(r"[:=<>!]+")
_BARE_NAME = re.compile(r'(?:[^\s":=<>!]|!(?!=))+')
_BARE_VALUE = re.compile(r'[^\s",]+')
_QUOTED = re.compile(r'"((?:[^"\\]+|\\.)*+)"', re.DOTALL)
_PATTERN = re.compile(r"/((?:[^/\\]+|\\.)*+)/", re.DOTALL)


def parse(text: str) -> tuple[Criteria, tuple[Note, ...]]:
    """The criteria that `text` asks for, and a note for every part that was left out of them.

    Never raises. Criteria that come with a note may be shown, but must not act: they are wider than
    what was meant.
    """
    if len(text) > MAX_LENGTH:
        message = f"a filter has at most {MAX_LENGTH} characters, not {len(text)}"
        return Criteria(), (Note(MAX_LENGTH, len(text) - MAX_LENGTH, message),)
    if "\0" in text:
        return Criteria(), (Note(text.index("\0"), 1, "a filter cannot contain NUL"),)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return Criteria(), (Note(error.start, 1, "this character is not valid Unicode"),)
    return _Parser(text).parse()


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.conditions = 0
        self.notes: list[Note] = []

    def parse(self) -> tuple[Criteria, tuple[Note, ...]]:
        groups: list[list[Term]] = [[]]
        is_begun = False
        open_or: re.Match[str] | None = None
        while not self._is_at_end():
            if match := _OR.match(self.text, self.at):
                if not is_begun:
                    self.notes.append(Note(self.at, 2, 'or needs a term before it; quote "or" to search for it'))
                open_or = match if is_begun else None
                is_begun = False
                groups.append([])
                self.at = match.end()
                continue
            is_begun = True
            try:
                groups[-1].append(self._term())
            except Unclear as unclear:
                self.notes.append(unclear.note)
                self._skip(_GLUED)
        if open_or and not is_begun:
            self.notes.append(Note(open_or.start(), 2, 'or needs a term after it; quote "or" to search for it'))
        return Criteria(tuple(map(tuple, groups))), tuple(sorted(self.notes, key=lambda note: note.column))

    # Reading characters

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def _is_at_end(self) -> bool:
        self._skip(_SPACE)
        return self.at == len(self.text)

    def _next(self) -> str:
        """The character to come, "" before white space and at the end."""
        character = self.text[self.at : self.at + 1]
        return "" if character.isspace() else character

    def _refuse_term(self, begin: int, message: str) -> NoReturn:
        """Give up everything from `begin` to the next white space."""
        self._skip(_GLUED)
        raise Unclear(begin, self.at, message)

    def _quoted(self) -> Piece:
        begin = self.at
        match = _QUOTED.match(self.text, begin)
        if match is None:
            self.at = len(self.text)
            raise Unclear(begin, self.at, 'the closing " is missing')
        self.at = match.end()
        if not match[1]:
            raise Unclear(begin, self.at, "there is nothing between the quotes")
        return Piece(begin, self.at, re.sub(r'\\(["\\])', r"\1", match[1]), is_quoted=True)

    def _bare(self, pattern: re.Pattern[str]) -> Piece | None:
        match = pattern.match(self.text, self.at)
        if match is None:
            return None
        self.at = match.end()
        return Piece(match.start(), match.end(), match[0])

    # Reading terms

    def _term(self) -> Term:
        begin = self.at
        negated = self._next() in ("-", "!")
        if negated:
            self.at += 1
            if not self._next():
                raise Unclear(begin, self.at, f"{self.text[begin]} needs a term right after it")
            if self._next() in ("-", "!"):
                self._refuse_term(begin, "one - or ! negates a term; quote a word that begins with it")
        name = self._quoted() if self._next() == '"' else self._bare(_BARE_NAME)
        operator = _OPERATOR.match(self.text, self.at)
        if name is None:
            assert operator is not None, "a bare name is empty only before an operator"
            self._refuse_term(operator.start(), f"{operator[0]} needs a field before it, without a space: acc>0.9")
        if operator is None:
            return self._word(name, negated)
        self.at = operator.end()
        text_field = None if name.is_quoted else TEXT_FIELDS.get(name.text.casefold())
        if text_field and operator[0] == ":" and self._next() == "/":
            return Field(field=text_field, operation="regex", values=(self._pattern(),), negated=negated)
        values = self._values(name, operator)
        if operator[0] == "!=":
            return build(name, "=", values, not negated)
        return build(name, operator[0], values, negated)

    def _word(self, word: Piece, negated: bool) -> Term:
        if self._next():
            self._refuse_term(word.begin, 'a " belongs at the ends of a word; inside quotes write \\"')
        self._count(word)
        return Text(text=word.text, negated=negated)

    def _values(self, name: Piece, operator: re.Match[str]) -> list[Piece]:
        if doubled := _OPERATORS.match(self.text, self.at):
            self._refuse_term(
                operator.start(),
                f"{operator[0]}{doubled[0]} is no operator: there are : = != < <= > >=; quote a value that begins so",
            )
        values: list[Piece] = []
        while True:
            if self._next() in ("", ","):
                self._skip(_GLUED)
                written = self.text[name.begin : operator.end()]
                missing = "a value is missing beside the comma" if values else f"{shown(written)} needs a value"
                raise Unclear(name.begin, self.at, missing)
            value = self._quoted() if self._next() == '"' else self._bare(_BARE_VALUE)
            assert value is not None, "white space, comma and quote were looked for"
            if self._next() not in ("", ","):
                self._refuse_term(value.begin, 'a " belongs at the ends of a value; inside quotes write \\"')
            self._count(value)
            values.append(value)
            if not self._next():
                return values
            self.at += 1

    def _pattern(self) -> str:
        begin = self.at
        match = _PATTERN.match(self.text, begin)
        if match is None:
            self._refuse_term(begin, 'a regular expression ends with /; quote a path: "/data"')
        self.at = match.end()
        if self._next():
            self._refuse_term(begin, "a regular expression ends at its second / (write \\/ inside it); quote a path")
        pattern = re.sub(r"\\(.)", lambda pair: "/" if pair[1] == "/" else pair[0], match[1], flags=re.DOTALL)
        self._count(Piece(begin, self.at, pattern))
        if not pattern:
            raise Unclear(begin, self.at, "the regular expression is empty")
        try:
            regex.compile(pattern)
        except (regex.error, ValueError, OverflowError, RecursionError) as error:
            reason = f"{error}" or type(error).__name__
            raise Unclear(begin, self.at, f"not a regular expression: {shown(reason)}") from None
        return pattern

    def _count(self, piece: Piece) -> None:
        if len(piece.text) > MAX_SEARCH_LENGTH:
            message = f"a word or value has at most {MAX_SEARCH_LENGTH} characters, not {len(piece.text)}"
            raise Unclear(piece.begin, piece.end, message)
        self.conditions += 1
        if self.conditions > MAX_CONDITIONS:
            raise Unclear(piece.begin, piece.end, f"a filter has at most {MAX_CONDITIONS} words and values")
