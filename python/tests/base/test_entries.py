"""Reading index.json entry by entry gives what reading it whole gives."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from machex import TreeError, entries


def read(path: Path) -> dict[str, dict[str, object]]:
    return dict(entries.read_entries(path))


@pytest.mark.parametrize("chunk", [1, 2, 7, 64, 1 << 20])
@pytest.mark.parametrize("indent", [None, 0, 4, "\t"])
def test_any_format_in_any_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int, indent: int | str | None
) -> None:
    draw = random.Random(chunk)
    alphabet = 'ab"\\/{}[]:,\n\t\u00e9\u2028\U0001f9b4\ud800 '
    document = {
        f"{number:06}": {
            "path": "".join(draw.choices(alphabet, k=draw.randrange(40))),
            "class_label": [draw.choice([-1, 0, 1]) for _ in range(13)],
            "more": {"deep": [None, True, 1.5, {}]},
        }
        for number in range(30)
    }
    path = tmp_path / "index.json"
    path.write_text(json.dumps(document, indent=indent) + "\n  ", encoding="utf-8")
    monkeypatch.setattr(entries, "_CHUNK", chunk)
    assert read(path) == document


@pytest.mark.parametrize("text", ["{}", " {\n} ", '{"000000": {}}'])
def test_small_files(tmp_path: Path, text: str) -> None:
    path = tmp_path / "index.json"
    path.write_text(text)
    assert read(path) == json.loads(text)


def test_every_cut_and_every_changed_character_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    text = '{"000000": {"path": "a/b.jpg", "key": "k"},\n "000001": {"path": "c", "key": ""}}'
    for end in range(len(text)):
        path.write_text(text[:end])
        with pytest.raises(TreeError, match=r"index\.json is damaged"):
            read(path)
    for at in (0, 9, 11, 42, 43, 44, len(text) - 1):
        path.write_text(f"{text[:at]}!{text[at + 1 :]}")
        try:
            is_same = read(path) == json.loads(text)
        except TreeError:
            continue
        assert not is_same, f"character {at}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "beginning"),
        ("[]", "beginning"),
        ('{"000000": []}', "object with a name"),
        ("{1: {}}", "object with a name"),
        ('{"000000": {},}', "000000"),
        ('{"000000": {}} {}', "after the end"),
        ('{"000000": {} "000001": {}}', "neither a comma"),
        ('{"000000": ' + '{"a":' * 100_000, "not JSON"),
    ],
)
def test_what_is_no_index_is_named(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "index.json"
    path.write_text(text)
    with pytest.raises(TreeError, match=words):
        read(path)


def test_an_entry_without_an_end_does_not_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "_LONGEST", 10_000)
    monkeypatch.setattr(entries, "_CHUNK", 100)
    path = tmp_path / "index.json"
    path.write_text('{"000000": {"path": "' + "x" * 1_000_000)
    with open(path, encoding="utf-8") as file:
        reader = entries._Reader(file, path)
        with pytest.raises(TreeError):
            list(reader.entries())
        assert file.tell() < 100_000


def test_what_is_not_utf8_is_named(tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    path.write_bytes(b'{"000000": {"path": "\xff"}}')
    with pytest.raises(TreeError, match="not UTF-8"):
        read(path)
