#!/usr/bin/env python3
"""Writes THIRD-PARTY.txt: the licences of everything that is linked into the program.

These are the crates that Cargo.lock names for Linux, and the C and C++ libraries and the fonts
inside some of them. With --check, the script writes nothing and exits with status 1 if the file is
not up to date.
"""

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "THIRD-PARTY.txt"
# The notice in the file COPYRIGHT of musl.
MUSL = ROOT / "packaging/musl-licence.txt"
TARGETS = ("x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu")

# Files that state a licence, wherever they are in a crate.
LICENCE_FILE = re.compile(r"(licen[cs]e|copying|copyright|notice|unlicense|ofl|ufl)", re.IGNORECASE)
TEXT_SUFFIXES = {"", ".md", ".txt", ".apache", ".mit", ".bsd", ".ijg"}
# Folders of vendored libraries that hold what is not compiled.
NOT_LINKED = {
    "test",
    "tests",
    "testdata",
    "doc",
    "docs",
    "examples",
    "thirdparty",
    "java",
    "release",
}
# Of several licences to choose from, the first of these.
PREFERRED = ("MIT", "Zlib", "BSD-3-Clause", "BSD-2-Clause", "Apache-2.0")
# How the files of a licence are named, when a crate has one file for each.
NAMED_AFTER = {"MIT": "mit", "Apache-2.0": "apache", "Zlib": "zlib", "Unlicense": "unlicense"}

HEAD = """\
machex contains the software below, each under its own licence, and:

    Rust's standard library (MIT OR Apache-2.0)
    SQLite, in libsqlite3-sys (public domain)
    libc++, libunwind and compiler-rt of LLVM (Apache-2.0 WITH LLVM-exception)
    musl, in static programs (MIT, at the end of this file)

This software is based in part on the work of the Independent JPEG Group.
packaging/third-party.py makes this file.
"""


def metadata() -> dict:
    """Everything that Cargo.lock names for the targets."""
    command = ["cargo", "metadata", "--locked", "--format-version", "1"]
    for target in TARGETS:
        command += ["--filter-platform", target]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)


def linked(document: dict) -> list[dict]:
    """The packages that are linked: no build scripts, macros or tests."""
    packages = {package["id"]: package for package in document["packages"]}
    nodes = {node["id"]: node for node in document["resolve"]["nodes"]}
    root = document["resolve"]["root"]
    seen, waiting = set(), [root]
    while waiting:
        name = waiting.pop()
        if name in seen or any("proc-macro" in t["kind"] for t in packages[name]["targets"]):
            continue
        seen.add(name)
        for dependency in nodes[name]["deps"]:
            if any(kind["kind"] is None for kind in dependency["dep_kinds"]):
                waiting.append(dependency["pkg"])
    found = [packages[name] for name in seen - {root}]
    return sorted(found, key=lambda package: (package["name"], package["version"]))


def licence_files(package: dict) -> list[Path]:
    """The licence files of a package, without those of licences that were not chosen."""
    folder = Path(package["manifest_path"]).parent
    files = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and LICENCE_FILE.match(path.name)
        and path.suffix.lower() in TEXT_SUFFIXES
        and not NOT_LINKED & set(path.relative_to(folder).parts[:-1])
    ]
    own = [path for path in files if path.parent == folder]
    alternatives = re.split(r"\s+OR\s+|/", package["license"] or "")
    for licence in PREFERRED if len(alternatives) > 1 else ():
        chosen = [path for path in own if NAMED_AFTER.get(licence, "-") in path.name.lower()]
        if licence in alternatives and chosen:
            return [path for path in files if path not in own or path in chosen]
    return files


def text_of(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(line.rstrip() for line in lines).strip("\n") + "\n"


def document() -> str:
    texts: dict[str, str] = {}
    users: dict[str, list[str]] = {}
    without = []
    for package in linked(metadata()):
        name = f"{package['name']} {package['version']} ({package['license']})"
        files = licence_files(package)
        if not files:
            authors = ", ".join(re.sub(r"\s*<.*?>", "", who) for who in package["authors"])
            without.append(f"{name}, {authors}" if authors else name)
        for path in files:
            text = text_of(path)
            # Copies differ in white space.
            key = hashlib.sha256(" ".join(text.split()).encode()).hexdigest()
            texts.setdefault(key, text)
            users.setdefault(key, []).append(name)
    parts = [HEAD]
    if without:
        parts.append(
            "Software whose archive contains no text of its licence:\n\n"
            + "".join(f"    {name}\n" for name in without)
        )
    for key in sorted(texts, key=lambda key: users[key]):
        names = "".join(f"    {name}\n" for name in dict.fromkeys(users[key]))
        parts.append(f"{'=' * 100}\n{names}\n{texts[key]}")
    parts.append(f"{'=' * 100}\n    musl, in static programs (MIT)\n\n{text_of(MUSL)}")
    return "\n".join(parts)


def main() -> int:
    text = document()
    if sys.argv[1:] == ["--check"]:
        if not OUTPUT.is_file() or OUTPUT.read_text(encoding="utf-8") != text:
            print(f"{OUTPUT.name} is not up to date: run packaging/third-party.py", file=sys.stderr)
            return 1
        return 0
    OUTPUT.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
