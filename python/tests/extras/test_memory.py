"""As many images as all public datasets have: under 1 GB in the parent, and shared with workers."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

#: Images with labels and reports, with labels, and with neither, as the real lists have them.
REAL = {"mimic": 361_320, "chexpert": 223_414, "padchest": 355_266}

PROGRAM = """
import multiprocessing, pickle, re, sys

def memory(what):
    text = open("/proc/self/smaps_rollup").read()
    return sum(int(kb) for kb in re.findall(what + r":\\s+(\\d+) kB", text)) // 1024

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) // 1024

def work(data, sender):
    import machex.datasets
    bare = memory("Anonymous")
    data = pickle.loads(data)
    checked = sum(len(data[at]["report"]) + len(data[at]["key"]) for at in range(0, len(data), 7))
    sender.send((memory("Anonymous") - bare, checked))

if __name__ == "__main__":
    import machex.datasets
    bare = memory("Rss")
    fields = ("key", "class_label", "report")
    data = machex.MaCheXDataset(sys.argv[1], fields=fields)
    loaded = peak()
    pickled = pickle.dumps(data)
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    worker = context.Process(target=work, args=(pickled, sender))
    worker.start()
    private, checked = receiver.recv()
    worker.join()
    own = sum(len(data[at]["report"]) + len(data[at]["key"]) for at in range(0, len(data), 7))
    assert checked == own > 0
    print(len(data), bare, loaded, peak(), len(pickled), private)
"""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Indexes as large as the real ones; there are no images."""
    root = tmp_path_factory.mktemp("large")
    draw = random.Random(1)
    words = " ".join(f"word{draw.randrange(10**6)}" for _ in range(5000))
    for name, count in REAL.items():
        (root / name / "00").mkdir(parents=True)
        with open(root / name / "index.json", "w") as file:
            for number in range(count):
                entry: dict[str, object] = {
                    "path": f"/mnt/machex/{name}/{number // 10_000:02}/{number:06}.jpg",
                    "key": f"files/p10/p1{number:07}/s5{number:07}/02aa804e-{number:017x}.jpg",
                }
                if name != "padchest":
                    entry["class_label"] = [1, 0, -1, 0, 0, 0, 1, 0, 0, -1, 0, 0, 0]
                if name == "mimic":
                    start = draw.randrange(len(words) - 1000)
                    entry["report"] = words[start : start + draw.randrange(200, 1000)]
                file.write("{" if number == 0 else ",\n")
                file.write(f'"{number:06}": {json.dumps(entry, indent=4)}')
            file.write("}")
    return root


def test_a_million_images_in_memory(large: Path, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, program, large], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    images, bare, loaded, peak, pickled, private = map(int, done.stdout.split())
    figures = (
        f"{images} images: {bare} MB before (PyTorch), {loaded} MB loaded, {peak} MB at most; "
        f"{pickled} bytes to a worker, which has {private} MB of its own"
    )
    print(figures)
    assert images == sum(REAL.values())
    assert peak < 1000, figures
    assert pickled < 10_000, figures
    assert private < 50, figures
