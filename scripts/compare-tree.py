#!/usr/bin/env python3
"""Compares a tree made by machex with a tree made by the MaCheX script.

    scripts/compare-tree.py MACHEX_TREE SCRIPT_TREE [--jobs N] [--show N] [--dataset NAME]...

Separates known differences, which docs/differences.md lists, from real ones. The exit status is 0
if all differences are known, 1 if one is real, and 2 if a tree cannot be compared. A tree may be a
mount. If images differ, you need Pillow to compare their pixels; otherwise the standard library is
enough.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import chain, islice
from typing import Any, NamedTuple

#: How many images a process compares at a time.
BATCH = 64

#: Datasets numbered by the listing of a folder: the script keeps the order of the file system,
#: machex sorts.
NUMBERED_BY_FOLDER = frozenset(["vindrcxr", "rsna", "openi", "siim", "objcxr"])

#: The keys of SIIM-ACR are full paths. The part before this folder is where the raw data are.
SIIM_FOLDER = "/dicom-images-train/"

SAME = "the same bytes"
PATH = "index.json: another root in `path`"
RAW_ROOT = "index.json: another root in the key"
ORDER = "numbered in another order of the folder"
COMMENT = "the script kept a comment of the source"
SEGMENTS = "other segments of metadata"
CODING = "the same pixels, coded in another way"
WHITE = "a white picture of a 16-bit PNG (Pillow 10.3 or later)"
DECODER = "pixels differ by a decoder's rounding"

KNOWN = frozenset([PATH, RAW_ROOT, ORDER, COMMENT, SEGMENTS, CODING, WHITE, DECODER])

#: The largest mean and the largest single difference, in gray levels (0 to 255), that count as
#: rounding. Decoders differ by a level or two. Resizing and a JPEG at quality 95 then increase
#: single differences and reduce the mean. Measured: a mean of 0.07 with 12 bits, and at most 4.
MEAN_OF_ROUNDING, MOST_OF_ROUNDING = 0.25, 12


class Entry(NamedTuple):
    """An image in an index."""

    id: str
    key: str
    #: All other fields as JSON; if that is long, its hash.
    rest: str
    #: The names of the fields in their order.
    fields: tuple[str, ...]
    path: str


class Finding(NamedTuple):
    """A difference: its kind, and where it is."""

    kind: str
    where: str

    @property
    def is_known(self) -> bool:
        return self.kind in KNOWN


class CannotCompare(Exception):
    """A folder is not a tree, or its index cannot be read."""


def datasets(root: str) -> list[str]:
    """Returns the names of the datasets of a tree, which are its folders."""
    try:
        with os.scandir(root) as entries:
            found = [entry.name for entry in entries if entry.is_dir()]
    except OSError as error:
        raise CannotCompare(f"{root}: {error.strerror}") from error
    names = [name for name in found if not name.startswith(".")]
    if not names:
        raise CannotCompare(f"{root} has no dataset in it")
    return sorted(names)


def read_index(folder: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields the entries of an index, reading one at a time if the script's format allows it."""
    path = os.path.join(folder, "index.json")
    try:
        with open(path, encoding="utf-8") as file:
            if file.readline() == "{\n":
                second = file.readline()
                if second.startswith('    "'):
                    yield from _entries(chain([second], file))
                    return
            file.seek(0)
            whole = json.load(file)
    except OSError as error:
        raise CannotCompare(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise CannotCompare(f"{path}: {error}") from error
    if not isinstance(whole, dict):
        raise CannotCompare(f"{path} is not an index")
    yield from whole.items()


def _entries(lines: Iterable[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields the entries of an index with an indent of 4, in which a line `    }` ends an entry."""
    text: list[str] = []
    for line in lines:
        if line in ("    },\n", "    }\n", "    }"):
            text.append("    }")
            yield from json.loads("{" + "".join(text) + "}").items()
            text.clear()
        elif line.rstrip("\n") != "}":
            text.append(line)
    if text:
        raise ValueError("the index ends in the middle of an entry")


def index_of(folder: str) -> list[Entry]:
    """Returns all entries of an index, with a hash in place of long fields."""
    entries = []
    for image_id, fields in read_index(folder):
        if not isinstance(fields, dict):
            raise CannotCompare(f"{folder}/index.json: {image_id} is not an object")
        rest = {name: value for name, value in fields.items() if name not in ("path", "key")}
        text = json.dumps(rest, sort_keys=True)
        # Reports are long, and the comparison only needs to know whether they are the same.
        rest_of = text if len(text) < 100 else str(hash(text))
        path, key = str(fields.get("path")), str(fields.get("key"))
        entries.append(Entry(image_id, key, rest_of, tuple(fields), path))
    return entries


def images_in(folder: str) -> set[str]:
    """Returns the ids of all image files of a dataset."""
    found: set[str] = set()
    with os.scandir(folder) as shards:
        for shard in shards:
            if shard.is_dir() and not shard.name.startswith("."):
                with os.scandir(shard.path) as files:
                    found.update(file.name[:-4] for file in files if file.name.endswith(".jpg"))
    return found


def image_path(folder: str, image_id: str) -> str:
    return os.path.join(folder, image_id[:2], image_id + ".jpg")


def common_key(dataset: str, key: str) -> str:
    """Returns a key without the folder of the raw data."""
    if dataset == "siim" and SIIM_FOLDER in key:
        return key[key.rindex(SIIM_FOLDER) :]
    return key


def pair_up(
    dataset: str, ours: list[Entry], theirs: list[Entry]
) -> tuple[list[tuple[Entry, Entry]], list[Finding]]:
    """Pairs the entries of the same image, and reports entries that only one index has.

    Entries pair up by number, or by key if the numbers depend on a listing. If several entries have
    the same key, they pair up in order.
    """

    def by_identity(entries: list[Entry]) -> dict[tuple[str, int], Entry]:
        if dataset not in NUMBERED_BY_FOLDER:
            return {(entry.id, 0): entry for entry in entries}
        seen: Counter[str] = Counter()
        found = {}
        for entry in entries:
            key = common_key(dataset, entry.key)
            found[key, seen[key]] = entry
            seen[key] += 1
        return found

    mine, other = by_identity(ours), by_identity(theirs)
    pairs = [(entry, other[name]) for name, entry in mine.items() if name in other]
    findings = []
    for kind, here, there in [
        ("only in the index of machex", mine, other),
        ("missing from the index of machex", other, mine),
    ]:
        findings += [
            Finding(kind, f"{dataset} {entry.id} ({entry.key})")
            for name, entry in here.items()
            if name not in there
        ]
    for entries, whose in [(ours, "machex"), (theirs, "the script")]:
        ids = [entry.id for entry in entries]
        if ids != sorted(ids):
            findings.append(
                Finding(f"the index of {whose} is not in the order of its numbers", dataset)
            )
    return pairs, findings


def compare_format(dataset: str, folders: list[str], indexes: list[list[Entry]]) -> list[Finding]:
    """Checks that two indexes that differ only in paths are formatted in the same way.

    If they are, they have the same length without the paths.
    """

    def rest(folder: str, entries: list[Entry]) -> int:
        paths = (json.dumps(entry.path, ensure_ascii=False) for entry in entries)
        size = os.path.getsize(os.path.join(folder, "index.json"))
        return size - sum(len(path.encode(errors="surrogatepass")) for path in paths)

    ours, theirs = map(rest, folders, indexes)
    kind = "index.json: the same content, written in another way"
    return [] if ours == theirs else [Finding(kind, dataset)]


def compare_entries(dataset: str, a: Entry, b: Entry) -> list[Finding]:
    """Compares the entries of one image in two indexes."""
    where = f"{dataset} {a.id}"
    findings = []
    if a.fields != b.fields:
        findings.append(Finding("index.json: other fields, or in another order", where))
    elif a.rest != b.rest:
        findings.append(Finding("index.json: another label or report", where))
    if a.key != b.key:
        is_root = common_key(dataset, a.key) == common_key(dataset, b.key)
        findings.append(Finding(RAW_ROOT if is_root else "index.json: another key", where))
    if a.id != b.id:
        findings.append(Finding(ORDER, f"{where} is {b.id} there"))
    if a.path != b.path:
        findings.append(Finding(PATH, where))
    for entry in (a, b):
        expected = f"/{dataset}/{entry.id[:2]}/{entry.id}.jpg"
        if not entry.path.endswith(expected):
            findings.append(Finding("index.json: a path of another image", where))
    return findings


def split_jpeg(data: bytes) -> tuple[list[tuple[int, bytes]], bytes] | None:
    """Splits a JPEG where its scan begins; returns `None` if it is not a whole JPEG."""
    if data[:2] != b"\xff\xd8" or data[-2:] != b"\xff\xd9":
        return None
    segments: list[tuple[int, bytes]] = []
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            # Skip a fill byte.
            at += 1
            continue
        if marker == 0xDA:
            return segments, data[at:]
        length = 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        segments.append((marker, data[at : at + length]))
        at += length
    return None


def without(segments: list[tuple[int, bytes]], markers: Iterable[int]) -> list[bytes]:
    left_out = set(markers)
    return [segment for marker, segment in segments if marker not in left_out]


def compare_files(ours: str, theirs: str, key: str) -> str:
    """Compares two image files; returns `SAME` or the kind of difference."""
    read = []
    for path, whose in [(ours, "machex"), (theirs, "the script")]:
        try:
            with open(path, "rb") as file:
                read.append(file.read())
        except FileNotFoundError:
            return f"the file of {whose} is missing"
        except OSError as error:
            return f"the file of {whose} cannot be read: {error.strerror}"
    if read[0] == read[1]:
        return SAME
    parts = [split_jpeg(data) for data in read]
    a, b = parts
    if a is None or b is None:
        return f"the file of {'machex' if a is None else 'the script'} is not a whole JPEG"
    if a[1] == b[1]:
        if without(a[0], [0xFE]) == without(b[0], [0xFE]):
            has_comment = any(marker == 0xFE for marker, _ in a[0])
            return SEGMENTS if has_comment else COMMENT
        metadata = [0xFE, *range(0xE0, 0xF0)]
        if without(a[0], metadata) == without(b[0], metadata):
            return SEGMENTS
    return compare_pixels(ours, theirs, key)


def compare_pixels(ours: str, theirs: str, key: str) -> str:
    """Compares the pixels of two images whose coded data differ; returns the kind of difference."""
    from PIL import Image, ImageChops, ImageStat

    Image.MAX_IMAGE_PIXELS = None
    try:
        with Image.open(ours) as first, Image.open(theirs) as second:
            a, b = first.convert("RGB"), second.convert("RGB")
    except (OSError, ValueError) as error:
        return f"a file cannot be decoded: {error}"
    if a.size != b.size:
        return f"another size: {a.size[0]}x{a.size[1]} and {b.size[0]}x{b.size[1]}"
    difference = ImageChops.difference(a, b)
    mean = max(ImageStat.Stat(difference).mean)
    bands: Any = difference.getextrema()
    most = max(high for _, high in bands)
    if most == 0:
        return CODING
    if mean <= MEAN_OF_ROUNDING and most <= MOST_OF_ROUNDING:
        return DECODER
    if key.lower().endswith(".png") and is_white_where_there_is_anything(a, b):
        return WHITE
    return "another picture"


def is_white_where_there_is_anything(ours: Any, theirs: Any) -> bool:
    """Whether the script clipped 16-bit values above 255: its image is white where ours is lit."""
    a, b = ours.convert("L"), theirs.convert("L")
    # Pixels of ours that are clearly not black, even with JPEG artifacts at edges.
    lit = a.point(lambda value: 255 if value >= 3 else 0, "1")
    lit_there = b.histogram(lit)
    count, white = sum(lit_there), sum(lit_there[240:])
    return bool(count > 0 and white >= 0.98 * count)


def compare_batch(batch: list[tuple[str, str, str, str]]) -> list[Finding]:
    return [Finding(compare_files(a, b, key), where) for where, a, b, key in batch]


def batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


class Report:
    """The findings of one dataset."""

    def __init__(self, dataset: str) -> None:
        self.dataset = dataset
        self.counts: Counter[str] = Counter()
        self.examples: defaultdict[str, list[str]] = defaultdict(list)
        self.has_real = False

    def add(self, findings: Iterable[Finding], show: int) -> None:
        for finding in findings:
            self.counts[finding.kind] += 1
            if finding.kind == SAME:
                continue
            self.has_real |= not finding.is_known
            if len(self.examples[finding.kind]) < show:
                self.examples[finding.kind].append(finding.where)

    def print(self) -> None:
        print(f"{self.dataset}: {self.counts[SAME]} images are the same")
        kinds = sorted(self.examples, key=lambda kind: (kind in KNOWN, kind))
        for kind in kinds:
            word = "known" if kind in KNOWN else "REAL "
            print(f"  {word} {self.counts[kind]:>7}  {kind}")
            if kind not in (PATH, RAW_ROOT, ORDER):
                for where in self.examples[kind]:
                    print(f"                   {printable(where)}")


def printable(text: str) -> str:
    """Escapes control characters, since a key from a dataset must not move the cursor."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def compare_dataset(
    ours: str, theirs: str, dataset: str, pool: ProcessPoolExecutor, show: int
) -> Report:
    report = Report(dataset)
    folders = [os.path.join(root, dataset) for root in (ours, theirs)]
    indexes = [index_of(folder) for folder in folders]
    pairs, findings = pair_up(dataset, *indexes)
    report.add(findings, show)
    for folder, index, whose in zip(folders, indexes, ("machex", "the script")):
        strays = images_in(folder).difference(entry.id for entry in index)
        kind = f"an image of {whose} is not in its index"
        report.add((Finding(kind, f"{dataset} {stray}") for stray in sorted(strays)), show)
    for a, b in pairs:
        report.add(compare_entries(dataset, a, b), show)
    if set(report.counts) <= {PATH}:
        report.add(compare_format(dataset, folders, indexes), show)
    jobs = (
        (f"{dataset} {a.id} ({a.key})", *map(image_path, folders, (a.id, b.id)), a.key)
        for a, b in pairs
    )
    # Queue only 64 batches at a time, since there may be a million images.
    for group in batches(batches(jobs, BATCH), 64):
        for found in pool.map(compare_batch, group):
            report.add(found, show)
    return report


def compare(ours: str, theirs: str, only: list[str], jobs: int | None, show: int) -> bool:
    """Prints the differences, and returns whether all of them are known."""
    mine, other = datasets(ours), datasets(theirs)
    unknown = set(only).difference(mine, other)
    if unknown:
        raise CannotCompare(f"neither tree has {', '.join(sorted(unknown))}")
    is_fine = True
    with ProcessPoolExecutor(jobs) as pool:
        for dataset in sorted({*mine, *other}):
            if only and dataset not in only:
                continue
            if dataset not in mine or dataset not in other:
                print(f"{dataset}: only in {ours if dataset in mine else theirs}")
                is_fine = False
                continue
            try:
                report = compare_dataset(ours, theirs, dataset, pool, show)
            except CannotCompare as error:
                print(f"{dataset}: {printable(str(error))}")
                is_fine = False
                continue
            report.print()
            is_fine &= not report.has_real
    print("All differences are known." if is_fine else "There are real differences.")
    return is_fine


def main() -> None:
    description, _, rest = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(description=description, epilog=rest.partition("\n\n")[2])
    parser.add_argument("ours", metavar="MACHEX_TREE")
    parser.add_argument("theirs", metavar="SCRIPT_TREE")
    parser.add_argument("--jobs", type=int, help="processes that compare (default: all cores)")
    parser.add_argument("--show", type=int, default=5, help="examples of each kind (default: 5)")
    parser.add_argument("--dataset", action="append", default=[], help="only this; repeatable")
    given = parser.parse_args()
    try:
        is_fine = compare(given.ours, given.theirs, given.dataset, given.jobs, given.show)
    except CannotCompare as error:
        print(f"compare-tree: {error}", file=sys.stderr)
        sys.exit(2)
    except ImportError:
        print("compare-tree: images differ; to tell how, Pillow is needed", file=sys.stderr)
        sys.exit(2)
    sys.exit(0 if is_fine else 1)


if __name__ == "__main__":
    main()
