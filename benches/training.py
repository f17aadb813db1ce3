#!/usr/bin/env python3
"""Measures the figures for training in docs/performance.md, side by side in one run.

    make bench-training

It writes only to a temporary folder.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import machex

#: How many epochs to measure in each mode, alternating.
EPOCHS = 5


def in_process(what: str, root: Path) -> tuple[float, float]:
    """Returns seconds and peak memory in MB of loading all indexes, in a separate process."""
    command = [sys.executable, __file__, "--load", what, str(root)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds, memory = map(float, done.stdout.split())
    return seconds, memory


def load(what: str, root: Path) -> None:
    """Measures and prints the figures for :func:`in_process`."""
    import numpy  # noqa: F401  (not part of the measured time)

    names = machex.list_datasets(root)
    started = time.perf_counter()
    if what == "json":
        kept = [json.loads((root / name / "index.json").read_text("utf-8")) for name in names]
    else:
        kept = [machex.load_index(root, name) for name in names]
    seconds = time.perf_counter() - started
    assert sum(map(len, kept)) > 0
    # VmHWM instead of ru_maxrss, which a child inherits from its parent.
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    print(seconds, int(peak[1]) / 1024 if peak else 0)


def indexes(folder: Path, machex_program: Path) -> None:
    print("\n## Indexes of all public datasets, as long as the real ones\n")
    sample = folder / "real"
    command = [machex_program, "sample", sample, "--images", "real", "--hard-link"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    with machex.mount(sample / "config.yml") as root:
        images = sum(len(machex.load_index(root, name)) for name in machex.list_datasets(root))
        runs = [(in_process("json", root), in_process("columns", root)) for _ in range(3)]
    print(f"{images:,} images\n")
    for number, what in enumerate(["json.load", "machex.load_index"]):
        seconds = statistics.median(run[number][0] for run in runs)
        memory = statistics.median(run[number][1] for run in runs)
        print(f"| {what} | {seconds:.1f} s | {memory:.0f} MB |")
    ratio = statistics.median(run[1][0] / run[0][0] for run in runs)
    print(f"time, load_index / json.load: {ratio:.2f}")


def decoding(folder: Path, machex_program: Path) -> None:
    print("\n## Items of one worker: decoding and ToTensor\n")
    sample = folder / "small"
    command = [machex_program, "sample", sample, "--images", "20"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    with machex.mount(sample / "config.yml") as root:
        modes = {mode: machex.MaCheXDataset(root, mode=mode) for mode in ("RGB", "L")}

        def epoch(data: machex.MaCheXDataset) -> float:
            started = time.perf_counter()
            for at in range(len(data)):
                data[at]
            return len(data) / (time.perf_counter() - started)

        epoch(modes["RGB"])
        runs = [{mode: epoch(data) for mode, data in modes.items()} for _ in range(EPOCHS)]
    for mode in modes:
        print(f'| mode="{mode}" | {statistics.median(run[mode] for run in runs):.0f} images/s |')
    print(f"L / RGB: {statistics.median(run['L'] / run['RGB'] for run in runs):.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--load", nargs=2, metavar=("WHAT", "ROOT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.load:
        load(arguments.load[0], Path(arguments.load[1]))
        return
    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        decoding(Path(folder), machex.find_program())
        indexes(Path(folder), machex.find_program())


if __name__ == "__main__":
    main()
