#!/usr/bin/env python3
"""Measures the figures for a mount in docs/performance.md, side by side in one run.

    make bench-mount

As root, it also measures passthrough. It writes only to a temporary folder. --scale changes the
number of images.
"""

import argparse
import json
import multiprocessing
import os
import random
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path


def run(*command):
    """Runs a command and returns its standard output."""
    done = subprocess.run(
        [str(word) for word in command], check=True, capture_output=True, text=True
    )
    return done.stdout


def rows(title, lines):
    print(f"\n## {title}\n")
    for line in lines:
        print(line)


class Bench:
    def __init__(self, machex, folder, scale):
        self.machex, self.folder, self.scale = machex, Path(folder), scale
        self.mountpoint = self.folder / "mnt"
        self.mountpoint.mkdir()

    def sample(self, name, images, *options):
        """Makes a sample and returns its config; does not materialize the tree."""
        where = self.folder / name
        run(self.machex, "sample", where, "--images", images, *options)
        return where / "config.yml"

    def mount(self, config, *options):
        run(self.machex, "mount", config, self.mountpoint, *options)

    def unmount(self):
        run(self.machex, "unmount", self.mountpoint)

    def status(self):
        return json.loads(run(self.machex, "status", self.mountpoint, "--json"))

    def modes(self):
        modes = ["off"]
        if os.geteuid() == 0:
            modes.append("on")
        return modes


def images_of(root):
    return sorted(str(path.relative_to(root)) for path in Path(root).glob("*/[0-9][0-9]/*.jpg"))


def read_all(root, names):
    """Returns the seconds for reading whole files, as a data loader does."""
    started = time.perf_counter()
    for name in names:
        with open(os.path.join(root, name), "rb") as file:
            file.read()
    return time.perf_counter() - started


def decode_all(root, names):
    from PIL import Image

    started = time.perf_counter()
    for name in names:
        with Image.open(os.path.join(root, name)) as image:
            image.load()
    return time.perf_counter() - started


def whole_file_reads(bench):
    """(a) Reads rendered images: the first time after a mount, again, and from a plain folder."""
    config = bench.sample("reads", max(8, int(50 * bench.scale)))
    run(bench.machex, "materialize", config)
    native = config.parent / "machex"
    names = images_of(native)
    read_all(native, names)
    decode = decode_all(native, names) / len(names) * 1e6
    lines = [
        "| mode | native | first after a mount | again | native / again | first / PIL decode |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for mode in bench.modes():
        firsts, agains, natives = [], [], []
        for _ in range(3):
            bench.mount(config, "--passthrough", mode)
            random.shuffle(names)
            firsts.append(read_all(bench.mountpoint, names))
            for _ in range(5):
                random.shuffle(names)
                agains.append(read_all(bench.mountpoint, names))
                natives.append(read_all(native, names))
            bench.unmount()
        first, again, plain = (
            statistics.median(times) / len(names) * 1e6 for times in (firsts, agains, natives)
        )
        name = {"on": "passthrough", "off": "KEEP_CACHE"}[mode]
        lines.append(
            f"| {name} | {plain:.0f} us | {first:.0f} us | {again:.0f} us "
            f"| {plain / again:.2f} | {first / decode:.3f} |"
        )
    size = sum((native / name).stat().st_size for name in names) / len(names) / 1000
    lines.append(
        f"\n{len(names)} images of {size:.0f} KB; PIL decodes one in {decode / 1000:.1f} ms."
    )
    rows("(a) Whole-file reads by Python", lines)


def epoch(root, names, workers=2):
    """Returns the seconds per image of a shuffled epoch of a PyTorch DataLoader."""
    import torch
    from PIL import Image
    from torchvision.transforms.functional import to_tensor

    class Images(torch.utils.data.Dataset):
        def __len__(self):
            return len(names)

        def __getitem__(self, at):
            return to_tensor(Image.open(os.path.join(root, names[at])))

    loader = torch.utils.data.DataLoader(Images(), batch_size=16, shuffle=True, num_workers=workers)
    batches = iter(loader)
    # All workers have started once the first batch arrives.
    next(batches)
    started, count = time.perf_counter(), 0
    for batch in batches:
        count += len(batch)
    return (time.perf_counter() - started) / max(count, 1)


def epochs(bench):
    """(b) DataLoader epochs, alternately on the mount and on the materialized folder."""
    config = bench.folder / "reads" / "config.yml"
    native = config.parent / "machex"
    names = images_of(native)
    lines = ["| mode | folder | mount | folder / mount |", "| --- | --- | --- | --- |"]
    for mode in bench.modes():
        bench.mount(config, "--passthrough", mode)
        pairs = []
        epoch(bench.mountpoint, names), epoch(native, names)
        for turn in range(6):
            if turn % 2:
                on_mount, on_folder = epoch(bench.mountpoint, names), epoch(native, names)
            else:
                on_folder, on_mount = epoch(native, names), epoch(bench.mountpoint, names)
            pairs.append((on_folder, on_mount))
        bench.unmount()
        folder, mount = (statistics.median(times) for times in zip(*pairs))
        ratio = statistics.median(folder / mount for folder, mount in pairs)
        name = {"on": "passthrough", "off": "KEEP_CACHE"}[mode]
        lines.append(
            f"| {name} | {1 / folder:.0f} images/s | {1 / mount:.0f} images/s | {ratio:.2f} |"
        )
    rows("(b) A DataLoader epoch, PIL decode, 2 workers, shuffled", lines)


def read_share(root, names):
    read_all(root, names)


def lazy_epoch(bench):
    """(c) The first epoch of a mount, which renders every image, compared with materialize."""
    lines = ["| | rate |", "| --- | --- |"]
    ratios = []
    count = max(8, int(60 * bench.scale))
    for turn in range(3):
        config = bench.sample(f"lazy{turn}", count)
        started = time.perf_counter()
        run(bench.machex, "materialize", config, "--workers", 2)
        made = time.perf_counter() - started
        tree = config.parent / "machex"
        names = images_of(tree)
        shutil.rmtree(tree)
        shutil.rmtree(f"{tree}.state")
        bench.mount(config, "--threads", "2")
        random.shuffle(names)
        readers = 4
        processes = [
            multiprocessing.Process(target=read_share, args=(bench.mountpoint, names[at::readers]))
            for at in range(readers)
        ]
        started = time.perf_counter()
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        lazy = time.perf_counter() - started
        assert sum(dataset["rendered"] for dataset in bench.status()["datasets"]) == len(names)
        bench.unmount()
        ratios.append(made / lazy)
        lines.append(f"| materialize, 2 workers | {len(names) / made:.0f} images/s |")
        lines.append(f"| first epoch, 4 readers, 2 threads | {len(names) / lazy:.0f} images/s |")
    lines.append(f"\nLazy / materialize: {', '.join(f'{ratio:.2f}' for ratio in ratios)}.")
    rows("(c) First lazy epoch", lines)


def large_mount(bench):
    """(d) A mount with as many images as the real datasets have."""
    config = bench.sample("real", "real", "--hard-link")
    lines = ["| | |", "| --- | --- |"]
    # machex does not use a stored catalog if its list files have only just been written.
    time.sleep(3)
    for name in ("first time", "stored catalogs"):
        started = time.perf_counter()
        bench.mount(config)
        took = time.perf_counter() - started
        status = bench.status()
        resident = Path(f"/proc/{status['pid']}/status").read_text()
        resident = int(resident.split("VmRSS:")[1].split()[0]) / 1000
        images = sum(dataset["images"] for dataset in status["datasets"])
        lines.append(f"| mount, {name} | {took:.2f} s, {resident:.0f} MB resident |")
        if name == "first time":
            bench.unmount()
    started = time.perf_counter()
    listed = len(os.listdir(bench.mountpoint / "chexpert" / "03"))
    lines.append(
        f"| listdir of {listed} images | {(time.perf_counter() - started) * 1000:.1f} ms |"
    )
    started = time.perf_counter()
    run("ls", "--color=always", bench.mountpoint / "chexpert" / "04")
    took = time.perf_counter() - started
    renders = bench.status()["renders"]
    lines.append(f"| `ls --color` of a shard | {took * 1000:.0f} ms, {renders} renders |")
    bench.unmount()
    rows(f"(d) A mount of {images:,} images", lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("machex", help="the program")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--only", choices="abcd", help="one of the figures (b needs those of a)")
    arguments = parser.parse_args()
    steps = {"a": whole_file_reads, "b": epochs, "c": lazy_epoch, "d": large_mount}
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(os.path.abspath(arguments.machex), folder, arguments.scale)
        try:
            for name, step in steps.items():
                if arguments.only in (None, name):
                    step(bench)
        finally:
            subprocess.run(
                [bench.machex, "unmount", "--lazy", bench.mountpoint], capture_output=True
            )


if __name__ == "__main__":
    main()
