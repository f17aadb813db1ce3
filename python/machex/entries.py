"""Reads the entries of an ``index.json`` one at a time, however it is formatted.

A real index has up to half a gigabyte. Parsing it as one JSON document would keep a million
dictionaries in memory; this module keeps one.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from json.decoder import JSONDecodeError
from typing import Any, NoReturn, TextIO

from machex.errors import TreeError

#: How many characters to read at a time, at least.
_CHUNK = 1 << 20

#: The most characters in an entry. An entry that does not end within these is damaged.
_LONGEST = 64 << 20

_skip_space = re.compile(r"[ \t\n\r]*").match


def read_entries(path: str | os.PathLike[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields ``(id, entry)`` in the order of the file.

    Raises:
        TreeError: when the file is not a JSON object of objects. The message names the file and the
            last entry that could be read.
        OSError: when the file cannot be read.
    """
    with open(path, encoding="utf-8") as file:
        yield from _Reader(file, path).entries()


class _Reader:
    """A window on the text of the file, which moves forward as values are taken from it."""

    def __init__(self, file: TextIO, path: str | os.PathLike[str]) -> None:
        self.file = file
        self.path = path
        self.text = ""
        self.at = 0
        self.last = ""
        self.decode = json.JSONDecoder().raw_decode

    def entries(self) -> Iterator[tuple[str, dict[str, Any]]]:
        self.expect("{")
        separator = self.take() if self.peek() == "}" else ","
        while separator == ",":
            name = self.value()
            self.expect(":")
            entry = self.value()
            if not isinstance(name, str) or not isinstance(entry, dict):
                self.fail("is not followed by an object with a name")
            self.last = name
            yield name, entry
            separator = self.take()
        if separator != "}":
            self.fail("is followed by neither a comma nor the end")
        if self.peek():
            self.fail("is followed by something after the end")

    def more(self) -> bool:
        """Reads more text; returns false at the end of the file."""
        rest = self.text[self.at :]
        try:
            # At least doubles the rest, so that a long value is parsed again only a few times.
            chunk = self.file.read(max(_CHUNK, len(rest)))
        except UnicodeDecodeError as error:
            self.fail(f"is followed by what is not UTF-8 ({error.reason})")
        self.text, self.at = rest + chunk, 0
        return bool(chunk)

    def peek(self) -> str:
        """Returns the next character that is not white space; empty at the end of the file."""
        while True:
            match = _skip_space(self.text, self.at)
            assert match is not None  # The pattern also matches the empty string.
            self.at = match.end()
            if self.at < len(self.text):
                return self.text[self.at]
            if not self.more():
                return ""

    def take(self) -> str:
        character = self.peek()
        self.at += len(character)
        return character

    def expect(self, character: str) -> None:
        if self.take() != character:
            self.fail(f"is not followed by a {character!r}")

    def value(self) -> Any:
        """Takes the next string or object.

        Both end with a closing character, so one that is cut off is never taken for a whole one.
        """
        if self.peek() not in ('"', "{"):
            self.fail("is not followed by an object with a name")
        while True:
            try:
                value, self.at = self.decode(self.text, self.at)
                return value
            except (JSONDecodeError, RecursionError) as error:
                if len(self.text) - self.at > _LONGEST or not self.more():
                    self.fail(f"is followed by what is not JSON ({error})")

    def fail(self, problem: str) -> NoReturn:
        after = f"entry {self.last!r}" if self.last else "the beginning"
        raise TreeError(f"{self.path} is damaged: {after} {problem}")
