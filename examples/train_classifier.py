#!/usr/bin/env python3
"""Trains a small network on the findings of all images that have labels.

    machex sample demo --images 40 && mkdir demo/mnt
    machex mount demo/config.yml demo/mnt
    python examples/train_classifier.py demo/mnt

In the first epoch, machex renders every image; later epochs read the rendered images. The images of
a sample are synthetic, so the network learns nothing useful: the run shows only that training
works.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision.transforms import Compose, Normalize, RandomAffine, Resize, ToTensor

import machex


def network(findings: int) -> nn.Module:
    """Maps images of shape (n, 1, size, size) to logits of shape (n, findings)."""

    def block(channels: int, out: int) -> Iterator[nn.Module]:
        yield nn.Conv2d(channels, out, 3, stride=2, padding=1, bias=False)
        yield nn.BatchNorm2d(out)
        yield nn.ReLU(inplace=True)

    widths = [1, 16, 32, 64, 128]
    layers = [layer for pair in zip(widths, widths[1:]) for layer in block(*pair)]
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], findings)
    )


def masked_loss(logits: Tensor, label: Tensor, mask: Tensor) -> Tensor:
    """Returns the mean cross-entropy over the known labels, 1 and -1.

    Labels of 0 (uncertain, or not mentioned) and images without labels do not count. All tensors
    have the shape (n, 13).
    """
    known = mask & (label != 0)
    loss = nn.functional.binary_cross_entropy_with_logits(
        logits, (label > 0).float(), reduction="none"
    )
    return (loss * known).sum() / known.sum().clamp(min=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", help="the tree: a mount point, or MACHEX_PATH")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--size", type=int, default=128, help="side of what the network sees")
    parser.add_argument("--workers", type=int, default=2, help="processes that read and decode")
    parser.add_argument("--start", choices=["fork", "spawn", "forkserver"], default="fork")
    arguments = parser.parse_args()

    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    transforms = Compose(
        [
            Resize(arguments.size),
            RandomAffine(degrees=5, translate=(0.05, 0.05)),
            ToTensor(),
            Normalize([0.5], [0.25]),
        ]
    )
    # Select the datasets that have labels. This reads only the indexes, so machex renders no
    # image.
    names = [
        name
        for name in machex.list_datasets(arguments.root)
        if machex.load_index(arguments.root, name).has_label.any()
    ]
    data = machex.MaCheXDataset(
        arguments.root, transforms, fields=("img", "class_label"), mode="L", datasets=names
    )
    train, validation = data.split((0.8, 0.2))  # no patient is in both
    print(f"{', '.join(names)}: {len(train)} images to train on, {len(validation)} to validate")

    def loader(images: torch.utils.data.Dataset[machex.datasets.Item], shuffle: bool) -> DataLoader:
        return DataLoader(
            images,
            arguments.batch_size,
            shuffle=shuffle,
            num_workers=arguments.workers,
            persistent_workers=arguments.workers > 0,
            multiprocessing_context=arguments.start if arguments.workers else None,
            pin_memory=device == "cuda",
        )

    train_loader, validation_loader = loader(train, True), loader(validation, False)
    model = network(len(machex.LABELS)).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)

    def epoch(batches: DataLoader, learn: bool) -> float:
        model.train(learn)
        total = 0.0
        for batch in batches:
            image = batch["img"].to(device, non_blocking=True)
            label = batch["class_label"].to(device, non_blocking=True)
            mask = batch["class_label_mask"].to(device, non_blocking=True)
            with torch.set_grad_enabled(learn):
                loss = masked_loss(model(image), label, mask)
            if learn:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            total += loss.item()
        return total / max(1, len(batches))

    for number in range(1, arguments.epochs + 1):
        started = time.perf_counter()
        train_loss = epoch(train_loader, learn=True)
        rate = len(train) / (time.perf_counter() - started)
        validation_loss = epoch(validation_loader, learn=False)
        print(
            f"epoch {number}: loss {train_loss:.4f}, validation {validation_loss:.4f}, "
            f"{rate:.1f} images/s"
        )


if __name__ == "__main__":
    main()
