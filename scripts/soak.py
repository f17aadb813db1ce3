#!/usr/bin/env python3
"""Reads from a mount for a long time, causes faults meanwhile, and compares every byte.

    scripts/soak.py target/release/machex --minutes 60 --folder /tmp/soak

The script first materializes a sample of all datasets to get the expected bytes. Then it mounts the
sample with a cache that is smaller than the images, on a small disk (a tmpfs, which needs root)
that fills and empties. Sixteen processes read in random order. Meanwhile the script pauses the
daemon, moves folders of sources away and back, and drops pages. In the second quarter of the time,
it sometimes also kills the daemon and mounts again.

A reader may get an error only while the sources of its dataset or the daemon are away. The exit
status is 1 after a wrong byte, after any other error, or if memory, descriptors or threads grow.
"""

from __future__ import annotations

import argparse
import ctypes
import errno
import hashlib
import json
import mmap
import multiprocessing
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing.sharedctypes import SynchronizedArray
from pathlib import Path
from typing import Any

READERS = 16

# For how many seconds errors are still allowed after a source or the daemon is back: readers that
# waited for the same image may get the error late.
GRACE = 3.0

COUNTS = ("reads", "preads", "maps", "stats", "indexes", "eio", "gone", "wrong", "refused")


class World:
    """The state that readers and the disruptor share: what is away, and all counts."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.mountpoint = folder / "mnt"
        self.expected = folder / "expected"
        self.seed = seed
        self.datasets = sorted(path.name for path in self.expected.iterdir())
        self.images = sorted(self.expected.glob("*/*/*.jpg"))
        self.sums = {path: hashlib.sha256(path.read_bytes()).digest() for path in self.images}
        self.bytes = sum(path.stat().st_size for path in self.images)
        # Until when errors are allowed: for each dataset, and in the last element for the mount.
        self.away: SynchronizedArray[Any] = multiprocessing.Array("d", len(self.datasets) + 1)
        # Datasets that were away since the mount began: their index may date from that time.
        self.unsure: SynchronizedArray[Any] = multiprocessing.Array("b", len(self.datasets))
        self.stop = multiprocessing.Event()
        self.counts = [multiprocessing.Array("q", len(COUNTS)) for _ in range(READERS)]

    def allows_error(self, dataset: str, since: float) -> bool:
        """Whether the dataset or the mount was away at any moment since then."""
        return bool(max(self.away[self.datasets.index(dataset)], self.away[-1]) >= since)

    def mount_is_away(self, since: float) -> bool:
        return bool(self.away[-1] >= since)

    def total(self, name: str) -> int:
        return sum(counts[COUNTS.index(name)] for counts in self.counts)


class Reader:
    """The code of one reading process."""

    def __init__(self, world: World, number: int) -> None:
        self.world = world
        self.number = number
        self.random = random.Random(world.seed * 1000 + number)

    def count(self, name: str) -> None:
        self.world.counts[self.number][COUNTS.index(name)] += 1

    def run(self) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        ways = [self.read, self.read, self.pread, self.map, self.stat, self.index]
        while not self.world.stop.is_set():
            expected = self.random.choice(self.world.images)
            name = expected.relative_to(self.world.expected)
            since = time.monotonic()
            way = self.random.choice(ways)
            try:
                way(self.world.mountpoint / name, expected, since)
            except OSError as error:
                if not self.world.allows_error(name.parts[0], since):
                    self.count("refused")
                    print(f"{name}: {way.__name__}: {error}", file=sys.stderr, flush=True)
                self.count("eio" if error.errno == errno.EIO else "gone")
                time.sleep(0.05)

    def wrong(self, name: Path, how: str) -> None:
        self.count("wrong")
        print(f"{name}: wrong bytes: {how}", file=sys.stderr, flush=True)

    def read(self, path: Path, expected: Path, _since: float) -> None:
        got = path.read_bytes()
        self.count("reads")
        if hashlib.sha256(got).digest() != self.world.sums[expected]:
            self.wrong(path, f"{len(got)} bytes")

    def pread(self, path: Path, expected: Path, _since: float) -> None:
        must = expected.read_bytes()
        handle = os.open(path, os.O_RDONLY)
        try:
            for _ in range(8):
                start = self.random.randrange(len(must))
                length = self.random.randrange(1, 200_000)
                got = os.pread(handle, length, start)
                self.count("preads")
                if got != must[start : start + length]:
                    self.wrong(path, differs(got, must, start, length))
        finally:
            os.close(handle)

    def map(self, path: Path, expected: Path, since: float) -> None:
        # If the daemon dies meanwhile, this process gets SIGBUS, and `revive` starts another one.
        if self.world.mount_is_away(since):
            return
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
            got = bytes(mapped)
        self.count("maps")
        if hashlib.sha256(got).digest() != self.world.sums[expected]:
            self.wrong(path, "mapped")

    def stat(self, path: Path, expected: Path, _since: float) -> None:
        size = path.stat().st_size
        self.count("stats")
        if size != expected.stat().st_size:
            self.wrong(path, f"st_size {size}")

    def index(self, path: Path, expected: Path, since: float) -> None:
        dataset = path.parts[-3]
        at = self.world.datasets.index(dataset)
        if self.world.unsure[at] or self.random.random() > 0.05:
            return
        got = (self.world.mountpoint / dataset / "index.json").read_text()
        self.count("indexes")
        must = (self.world.expected / dataset / "index.json").read_text()
        got = got.replace(str(self.world.mountpoint), str(self.world.expected))
        if got != must and not self.world.unsure[at]:
            self.wrong(Path(dataset) / "index.json", f"{len(got)} bytes")


def differs(got: bytes, whole: bytes, start: int, length: int) -> str:
    """Describes how the bytes of one read differ from this part of the whole file."""
    must = whole[start : start + length]
    first = next(
        (at for at, pair in enumerate(zip(got, must, strict=False)) if pair[0] != pair[1]), None
    )
    zeros = len(got) - len(got.rstrip(b"\0"))
    return (
        f"pread of {length} at {start} gave {len(got)} of {len(must)} bytes, of which the first "
        f"that is wrong is {first} and the last {zeros} are zeros; the file has {len(whole)}"
    )


class Daemon:
    """The process of the mount, and the resources that it uses."""

    def __init__(self, world: World, program: str, config: Path) -> None:
        self.world = world
        self.program = program
        self.config = config
        self.mounts = 0
        self.kills = 0
        self.evictions_before = 0
        self.evictions = 0
        self.process: subprocess.Popen[bytes] | None = None

    def mount(self) -> None:
        for at in range(len(self.world.datasets)):
            self.world.unsure[at] = 0
        # Every second mount uses passthrough, if the kernel supports it.
        passthrough = "auto" if self.mounts % 2 else "off"
        log = (self.world.folder / "daemon.log").open("ab")
        command = [self.program, "mount", "-c", str(self.config), str(self.world.mountpoint)]
        command += ["--foreground", "--replace", "--passthrough", passthrough]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)
        log.close()
        self.mounts += 1
        deadline = time.monotonic() + 60
        while self.status() is None:
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"no mount; see {self.world.folder / 'daemon.log'}")
            time.sleep(0.05)

    def restart(self, kill: bool) -> None:
        assert self.process is not None
        self.world.away[-1] = float("inf")
        self.process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        self.process.wait()
        self.kills += kill
        self.evictions_before += self.evictions
        self.evictions = 0
        self.mount()
        self.world.away[-1] = time.monotonic() + GRACE

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(40)
            except subprocess.TimeoutExpired:
                self.process.kill()
        subprocess.run(
            ["umount", "-l", str(self.world.mountpoint)], stderr=subprocess.DEVNULL, check=False
        )

    def status(self) -> dict[str, Any] | None:
        try:
            text = (self.world.mountpoint / ".machex" / "status.json").read_text()
        except OSError:
            return None
        status: dict[str, Any] = json.loads(text)
        return status

    def sample(self) -> dict[str, float]:
        """Measures memory in MB, descriptors, threads, and the cache's folder in MB."""
        assert self.process is not None
        proc = Path("/proc") / str(self.process.pid)
        fields = dict(
            line.split(":", 1) for line in (proc / "status").read_text().splitlines() if ":" in line
        )
        status = self.status()
        if status is not None:
            self.evictions = status["cache"]["evictions"]
        return {
            "memory": int(fields["VmRSS"].split()[0]) / 1024,
            "descriptors": len(os.listdir(proc / "fd")),
            "threads": int(fields["Threads"]),
            "cache": used_by(self.world.folder / "disk" / "cache") / 1e6,
        }


def used_by(folder: Path) -> int:
    used = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                used += os.lstat(os.path.join(path, name)).st_blocks * 512
            except OSError:
                continue
    return used


class Disruptor:
    """Causes faults, at random."""

    def __init__(self, world: World, daemon: Daemon, disk: Path | None) -> None:
        self.world = world
        self.daemon = daemon
        self.disk = disk
        self.random = random.Random(world.seed)
        self.done: dict[str, int] = {}

    def act(self, part: float) -> None:
        """Causes one fault; `part` is the fraction of the time that has passed."""
        actions: list[Callable[[], None]] = [self.freeze, self.hide_sources, self.drop_pages]
        if self.disk is not None:
            actions += [self.fill, self.fill]
        # One process runs throughout the last half, so that its growth shows.
        if 0.25 <= part < 0.5:
            actions += [self.kill, self.remount]
        action = self.random.choice(actions)
        action()
        name = action.__name__
        self.done[name] = self.done.get(name, 0) + 1

    def freeze(self) -> None:
        assert self.daemon.process is not None
        self.daemon.process.send_signal(signal.SIGSTOP)
        time.sleep(self.random.uniform(0.02, 1.5))
        self.daemon.process.send_signal(signal.SIGCONT)

    def hide_sources(self) -> None:
        at = self.random.randrange(len(self.world.datasets))
        folder = self.world.folder / "raw" / self.world.datasets[at]
        hidden = folder.with_suffix(".away")
        self.world.unsure[at] = 1
        self.world.away[at] = float("inf")
        folder.rename(hidden)
        time.sleep(self.random.uniform(0.5, 4))
        hidden.rename(folder)
        self.world.away[at] = time.monotonic() + GRACE

    def drop_pages(self) -> None:
        try:
            Path("/proc/sys/vm/drop_caches").write_text("1")
        except OSError:
            time.sleep(0.1)

    def fill(self) -> None:
        assert self.disk is not None
        filler = self.disk / "filler"
        space = os.statvfs(self.disk)
        size = filler.stat().st_size if filler.exists() else 0
        room = size + space.f_bavail * space.f_frsize
        wanted = int(room * self.random.choice([0, 0.3, 0.7, 1]))
        try:
            # Unbuffered, because closing a file with unwritten data could fail.
            with filler.open("ab", buffering=0) as file:
                file.truncate(min(size, wanted))
                while file.tell() < wanted:
                    file.write(bytes(min(1 << 20, wanted - file.tell())))
        except OSError as error:
            # The disk may have no space even for a new file.
            if error.errno != errno.ENOSPC:
                raise

    def kill(self) -> None:
        self.daemon.restart(kill=True)

    def remount(self) -> None:
        self.daemon.restart(kill=False)


def prepare(program: str, folder: Path, images: int, seed: int) -> World:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("raw", "expected", "expected.state", "mnt"):
        shutil.rmtree(folder / name, ignore_errors=True)
    run = [program, "sample", str(folder), "--images", str(images)]
    subprocess.run(run, check=True, stdout=subprocess.DEVNULL)
    lines = (folder / "config.yml").read_text().splitlines()
    roots = [line for line in lines if not line.startswith(("MACHEX_PATH", "CACHE_", "#"))]
    (folder / "soak.yml").write_text(
        "\n".join([*roots, "MACHEX_PATH: expected", "CACHE_PATH: other"]) + "\n"
    )
    run = [program, "materialize", "-c", str(folder / "soak.yml")]
    subprocess.run(run, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    (folder / "mnt").mkdir()
    world = World(folder.resolve(), seed)
    cache = ["MACHEX_PATH: none", "CACHE_PATH: disk/cache", f"CACHE_SIZE: {world.bytes // 3}"]
    (folder / "soak.yml").write_text("\n".join([*roots, *cache]) + "\n")
    return world


def small_disk(folder: Path, size: int) -> Path | None:
    """Mounts a tmpfs of `size` bytes; without root, makes a plain folder and returns `None`."""
    disk = folder / "disk"
    disk.mkdir(exist_ok=True)
    if os.geteuid() != 0:
        print("not root: the disk of the cache does not fill up, and pages are not dropped")
        return None
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)], check=True)
    return disk


def read(world: World, number: int) -> None:
    # PR_SET_PDEATHSIG: this process ends with its parent.
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
    Reader(world, number).run()


def start(world: World, number: int) -> multiprocessing.Process:
    process = multiprocessing.Process(target=read, args=(world, number), daemon=True)
    process.start()
    return process


def revive(world: World, readers: list[multiprocessing.Process], seen: float) -> int:
    """Replaces readers that have ended, and returns how many of them count as errors.

    A SIGBUS while the daemon was away is expected, because a mapped page could not be read. Any
    other end of a reader is an error.
    """
    errors = 0
    for number, reader in enumerate(readers):
        if reader.is_alive():
            continue
        if reader.exitcode != -signal.SIGBUS or not world.mount_is_away(seen):
            print(f"reader {number} ended with {reader.exitcode}", file=sys.stderr)
            errors += 1
        readers[number] = start(world, number)
    return errors


def soak(world: World, daemon: Daemon, disruptor: Disruptor, minutes: float) -> int:
    """Prints the table, and returns how many readers died or measures grew without a reason."""
    began = time.monotonic()
    samples: list[tuple[float, dict[str, float]]] = []
    readers = [start(world, number) for number in range(READERS)]
    deaths, seen = 0, began
    while (part := (time.monotonic() - began) / (minutes * 60)) < 1:
        pause_until = time.monotonic() + disruptor.random.uniform(0.2, 3)
        while time.monotonic() < pause_until:
            samples.append((part, daemon.sample()))
            time.sleep(0.5)
        disruptor.act(part)
        deaths += revive(world, readers, seen)
        seen = time.monotonic()
    world.stop.set()
    for reader in readers:
        reader.join(60)
    return deaths + table(world, daemon, disruptor, samples)


def table(
    world: World,
    daemon: Daemon,
    disruptor: Disruptor,
    samples: list[tuple[float, dict[str, float]]],
) -> int:
    print(f"{len(world.images)} images, {world.bytes / 1e6:.0f} MB; seed {world.seed}")
    for name in COUNTS:
        print(f"{name:12} {world.total(name):>10,}")
    print(f"{'evictions':12} {daemon.evictions_before + daemon.evictions:>10,}")
    print(f"{'mounts':12} {daemon.mounts:>10,}   of which after kill -9: {daemon.kills}")
    print("disturbances", ", ".join(f"{name} {n}" for name, n in sorted(disruptor.done.items())))
    print(f"\n{'median of':12} {'quarter 1':>10} {'quarter 3':>10} {'quarter 4':>10} {'most':>10}")
    grown = 0
    for name, slack in (("memory", 16), ("descriptors", 32), ("threads", 4), ("cache", None)):

        def median(quarter: int, name: str = name) -> float:
            own = [sample[name] for part, sample in samples if int(part * 4) == quarter]
            return statistics.median(own) if own else 0

        first, third, last = median(0), median(2), median(3)
        most = max(sample[name] for _, sample in samples)
        unit = " MB" if name in ("memory", "cache") else ""
        row = "".join(f" {value:>10,.0f}" for value in (first, third, last, most))
        print(f"{name + unit:12}{row}")
        if slack is not None and last > max(first, third) * 1.25 + slack:
            print(f"{name} grow")
            grown += 1
    return grown


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("machex", help="the program")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--folder", type=Path, required=True, help="for sample, disk and mount")
    parser.add_argument("--images", type=int, default=40, help="of each dataset")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    program = os.path.abspath(options.machex)
    world = prepare(program, options.folder, options.images, options.seed)
    disk = small_disk(world.folder, world.bytes // 2)
    daemon = Daemon(world, program, world.folder / "soak.yml")
    disruptor = Disruptor(world, daemon, disk)
    faults = 1
    try:
        daemon.mount()
        faults = soak(world, daemon, disruptor, options.minutes)
    finally:
        daemon.end()
        if disk is not None:
            subprocess.run(["umount", "-l", str(disk)], check=False)
    bad = world.total("wrong") + world.total("refused") + faults
    print("\nall right" if bad == 0 else f"\nNOT right: {bad}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
