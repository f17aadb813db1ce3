#!/usr/bin/env python3
"""Trains a small network on findings of several datasets at once, by the metadata of the tree.

    machex sample demo --images 40 && mkdir demo/mnt
    machex mount demo/config.yml demo/mnt
    python examples/train_findings.py demo/mnt --findings "Pleural Effusion" Cardiomegaly

Each dataset labels its own findings, and few label all of those that you want. An image counts for
the findings that are labelled, and no others. The images of a sample are synthetic, so the network
learns nothing useful: the run shows only that training works.
"""

from __future__ import annotations

import argparse
import time

import pyarrow.compute
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision.transforms import Compose, Normalize, RandomAffine, Resize, ToTensor

import machex


def network(findings: int) -> nn.Module:
    """Maps images of shape (n, 1, size, size) to logits of shape (n, findings)."""
    layers: list[nn.Module] = []
    for channels, out in ((1, 16), (16, 32), (32, 64), (64, 128)):
        layers.append(nn.Conv2d(channels, out, 3, stride=2, padding=1, bias=False))
        layers += [nn.BatchNorm2d(out), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, findings))


def masked_loss(logits: Tensor, findings: Tensor, mask: Tensor) -> Tensor:
    """Returns the mean cross-entropy over the labelled findings. All shapes are (n, findings)."""
    loss = nn.functional.binary_cross_entropy_with_logits(logits, findings, reduction="none")
    return (loss * mask).sum() / mask.sum().clamp(min=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", help="the tree: a mount point, or MACHEX_PATH")
    parser.add_argument("--findings", nargs="+", default=["Pleural Effusion"])
    parser.add_argument("--uncertain", choices=["ignore", "positive", "negative"], default="ignore")
    parser.add_argument("--view", nargs="+", help="only these, such as PA AP")
    parser.add_argument("--metadata", help="table that machex metadata wrote, if not in the tree")
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
    # Select the datasets that label one of the findings. This reads only the metadata, so machex
    # renders no image.
    table = machex.load_metadata(
        arguments.metadata or arguments.root, columns=["dataset", *arguments.findings]
    )
    names = []
    for name in table["dataset"].unique().to_pylist():
        own = table.filter(pyarrow.compute.field("dataset") == name)
        counts = []
        for finding in arguments.findings:
            values = own[finding].to_pylist()
            if any(value is not None for value in values):
                counts.append(f"{finding} {values.count(1)} present, {values.count(0)} absent")
        if counts:
            names.append(name)
            print(f"{name}: {'; '.join(counts)}")

    if not names:
        raise SystemExit(f"no dataset labels {', '.join(arguments.findings)}")
    data = machex.MaCheXDataset(
        arguments.root,
        transforms,
        fields=("img", "findings"),
        findings=arguments.findings,
        uncertain=arguments.uncertain,
        metadata=arguments.metadata,
        mode="L",
        datasets=names,
    )
    train, validation = data.where(view=arguments.view).split((0.8, 0.2))  # no patient is in both
    print(f"{len(train)} images to train on, {len(validation)} to validate")

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
    model = network(len(arguments.findings)).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)

    def epoch(batches: DataLoader, learn: bool) -> float:
        model.train(learn)
        total = 0.0
        for batch in batches:
            image = batch["img"].to(device, non_blocking=True)
            findings = batch["findings"].to(device, non_blocking=True)
            mask = batch["findings_mask"].to(device, non_blocking=True)
            with torch.set_grad_enabled(learn):
                loss = masked_loss(model(image), findings, mask)
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
