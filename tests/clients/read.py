"""Reads one never-rendered image of a mount with each of many Python clients.

    read.py MOUNT TREE FIRST

Client number N reads image FIRST + N of the first dataset below MOUNT and compares it with the same
file below TREE. Every client has an image of its own, so that it is the one that has it made.
"""

import io
import mmap
import os
import sys

import cv2
import numpy
import torch
import torchvision
from PIL import Image


def read_by_open(path):
    with open(path, "rb") as file:
        return file.read()


def read_in_chunks(path):
    with open(path, "rb", buffering=0) as file:
        return b"".join(iter(lambda: file.read(10_007), b""))


def read_by_size(path):
    """As TensorFlow and many C++ readers do: st_size first, then just so many bytes."""
    size = os.stat(path).st_size
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, size)
    finally:
        os.close(descriptor)


def read_by_seek(path):
    with open(path, "rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        return file.read(size)


def read_by_mmap(path):
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        return bytes(view)


def read_by_shared_mmap_of_stat(path):
    size = os.stat(path).st_size
    with (
        open(path, "rb") as file,
        mmap.mmap(file.fileno(), size, mmap.MAP_SHARED, mmap.PROT_READ) as view,
    ):
        return view[:]


def read_by_sendfile(path):
    read, write = os.pipe()
    out = b""
    with open(path, "rb") as file:
        offset = 0
        while count := os.sendfile(write, file.fileno(), offset, 60_000):
            offset += count
            out += os.read(read, count)
    os.close(read)
    os.close(write)
    return out


def read_by_numpy(path):
    return numpy.fromfile(path, dtype=numpy.uint8).tobytes()


def read_by_numpy_memmap(path):
    return numpy.memmap(path, dtype=numpy.uint8, mode="r").tobytes()


def read_by_torchvision(path):
    return torchvision.io.read_file(path).numpy().tobytes()


def read_by_torch_storage(path):
    size = os.path.getsize(path)
    return torch.from_file(path, shared=False, size=size, dtype=torch.uint8).numpy().tobytes()


BYTES = [
    read_by_open,
    read_in_chunks,
    read_by_size,
    read_by_seek,
    read_by_mmap,
    read_by_shared_mmap_of_stat,
    read_by_sendfile,
    read_by_numpy,
    read_by_numpy_memmap,
    read_by_torchvision,
    read_by_torch_storage,
]


def pixels_by_pil(path):
    with Image.open(path) as image:
        return numpy.asarray(image)


def pixels_by_opencv(path):
    return cv2.imread(path, cv2.IMREAD_UNCHANGED)


def pixels_by_torchvision(path):
    return torchvision.io.decode_image(torchvision.io.read_file(path)).numpy()


PIXELS = [pixels_by_pil, pixels_by_opencv, pixels_by_torchvision]


def main(mount, tree, first):
    dataset = sorted(os.listdir(mount))[0]
    clients = BYTES + PIXELS
    for number, client in enumerate(clients):
        name = os.path.join(dataset, "00", f"{int(first) + number:06}.jpg")
        got, expected = client(os.path.join(mount, name)), os.path.join(tree, name)
        if client in BYTES:
            assert got == read_by_open(expected), f"{client.__name__}: other bytes"
        else:
            assert got is not None, client.__name__
            assert numpy.array_equal(got, client(expected)), client.__name__
    print(len(clients))


main(*sys.argv[1:])
