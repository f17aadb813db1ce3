#!/usr/bin/env python3
"""Compares a tree that machex made with one that the MaCheX script made.

    scripts/compare-tree.py MACHEX_TREE SCRIPT_TREE [--jobs N] [--show N] [--dataset NAME]...

Tells differences that are known, which docs/differences.md lists, from real ones. The exit status
is 0 when all differences are known, 1 when one is real, and 2 when a tree cannot be compared. A
tree may be a mount. The standard library is enough while images are the same; Pillow is needed to
look at the pixels of those that are not.
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

#: Images that a process compares at a time.
BATCH = 64

#: Datasets whose numbers come from a listing of a folder: the script takes the order of the file
#: system, machex sorts.
NUMBERED_BY_FOLDER = frozenset(["vindrcxr", "rsna", "openi", "siim", "objcxr"])

#: Their keys are full paths; what comes before this folder is where the raw data are.
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

#: Decoders round differently by a level or two; resizing and a JPEG at quality 95 make more of
#: single pixels, and less of the mean. Measured: a mean of 0.07 with 12 bits, and at most 4.
MEAN_OF_ROUNDING, MOST_OF_ROUNDING = 0.25, 12


class Entry(NamedTuple):
    """An image in an index."""

    id: str
    key: str
    #: Everything but `path`, as JSON.
    rest: str
    #: The names of the fields in their order.
    fields: tuple[str, ...]
    path: str


class Finding(NamedTuple):
    """A difference: of what kind, and where."""

    kind: str
    where: str

    @property
    def is_known(self) -> bool:
        return self.kind in KNOWN


class CannotCompare(Exception):
    """A tree that is none, or a program that is not there."""


def datasets(root: str) -> list[str]:
    """The folders of a tree, each a dataset."""
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
    """The entries of an index, one at a time if it is formatted as the script does it."""
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
    """Entries of an index with an indent of 4: each ends with a line `    }`."""
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
    """All entries of an index, without what is large in them."""
    entries = []
    for image_id, fields in read_index(folder):
        if not isinstance(fields, dict):
            raise CannotCompare(f"{folder}/index.json: {image_id} is not an object")
        rest = {name: value for name, value in fields.items() if name not in ("path", "key")}
        text = json.dumps(rest, sort_keys=True)
        # Reports are long, and only whether they are the same is asked.
        rest_of = text if len(text) < 100 else str(hash(text))
        path, key = str(fields.get("path")), str(fields.get("key"))
        entries.append(Entry(image_id, key, rest_of, tuple(fields), path))
    return entries


def images_in(folder: str) -> set[str]:
    """The ids of all images that a dataset has files of."""
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
    """A key without the place of the raw data."""
    if dataset == "siim" and SIIM_FOLDER in key:
        return key[key.rindex(SIIM_FOLDER) :]
    return key


def pair_up(
    dataset: str, ours: list[Entry], theirs: list[Entry]
) -> tuple[list[tuple[Entry, Entry]], list[Finding]]:
    """Which entries speak of one image, and what is in one index only.

    By number; or, where numbers follow from a listing, by key: of several with one key the first
    belongs to the first.
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
    """Whether two indexes that say the same but for paths are written in the same way: then nothing
    but paths makes one longer."""

    def rest(folder: str, entries: list[Entry]) -> int:
        paths = (json.dumps(entry.path, ensure_ascii=False) for entry in entries)
        size = os.path.getsize(os.path.join(folder, "index.json"))
        return size - sum(len(path.encode(errors="surrogatepass")) for path in paths)

    ours, theirs = map(rest, folders, indexes)
    kind = "index.json: the same content, written in another way"
    return [] if ours == theirs else [Finding(kind, dataset)]


def compare_entries(dataset: str, a: Entry, b: Entry) -> list[Finding]:
    """What two indexes say of one image."""
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
    """The segments before the scan of a JPEG, and all from the scan on; `None` if it is none."""
    if data[:2] != b"\xff\xd8" or data[-2:] != b"\xff\xd9":
        return None
    segments: list[tuple[int, bytes]] = []
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            # A fill byte.
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
    """How two images differ: SAME, or a kind of difference."""
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
    """The same for images whose coded pixels differ."""
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
    """Whether what is above 255 of 65,535 was clipped: white, and nothing but black and white."""
    a, b = ours.convert("L"), theirs.convert("L")
    # What is safely above black here, in spite of what a JPEG does to edges.
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
    """What was found of one dataset."""

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
    """Keys are foreign: none may move the cursor."""
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
    # A few batches ahead of what is done, and no more: there may be a million images.
    for group in batches(batches(jobs, BATCH), 64):
        for found in pool.map(compare_batch, group):
            report.add(found, show)
    return report


def compare(ours: str, theirs: str, only: list[str], jobs: int | None, show: int) -> bool:
    """Whether all differences are known; prints them."""
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
