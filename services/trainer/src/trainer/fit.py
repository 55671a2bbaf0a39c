"""Learning: AdamW, one cycle of the learning rate, label smoothing."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainer.augment import distort
from trainer.console import Console, duration
from trainer.data import Images

# Source of the recipe: Smith & Topin, "Super-Convergence", https://arxiv.org/abs/1708.07120 (one cycle) and
# Müller et al., "When Does Label Smoothing Help?", https://arxiv.org/abs/1906.02629.
PEAK_LEARNING_RATE = 1e-2
WARM_UP_SHARE = 0.2
WEIGHT_DECAY = 0.01
LABEL_SMOOTHING = 0.05


@dataclass(frozen=True)
class Recipe:
    """What a person may turn about the training.

    Args:
        epochs: Times that every image is seen.
        batch_size: Images a step.
        seed: Seed of order and augmentation.
    """

    epochs: int
    batch_size: int
    seed: int


def fit(network: nn.Module, images: Images, recipe: Recipe, device: torch.device, console: Console) -> float:
    """Train ``network`` in place, and leave it on ``device`` in evaluation mode.

    Returns:
        Wall-clock seconds.
    """
    network.to(device).train()
    images = Images(images.images_u8.to(device), images.labels.to(device))
    generator = torch.Generator().manual_seed(recipe.seed)
    steps = steps_per_epoch(len(images), recipe.batch_size)
    optimizer = _optimizer(network)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, PEAK_LEARNING_RATE, total_steps=steps * recipe.epochs, pct_start=WARM_UP_SHARE
    )
    # Only float16 and CUDA need the scaling; elsewhere it does nothing.
    scaler = torch.amp.GradScaler(device.type, enabled=device.type == "cuda")
    started_s = time.monotonic()
    with console.bar("training", steps * recipe.epochs, unit="step") as bar:
        for epoch in range(1, recipe.epochs + 1):
            losses = torch.zeros((), device=device)
            bar.set_description(f"epoch {epoch}/{recipe.epochs}")
            for batch in shuffled_batches(images, recipe.batch_size, generator):
                losses += _step(network, batch, optimizer, scaler, generator)
                schedule.step()
                bar.update()
            _report(console, epoch, recipe.epochs, float(losses) / steps, time.monotonic() - started_s)
    network.eval()
    return time.monotonic() - started_s


def steps_per_epoch(images: int, batch_size: int) -> int:
    """Return the whole batches in ``images``; the odd rest waits for another epoch, unless it is all there is."""
    return max(1, images // batch_size)


def shuffled_batches(images: Images, batch_size: int, generator: torch.Generator) -> Iterator[Images]:
    """Yield an epoch's batches in a random order; a short last one would disturb the batch norm."""
    order = torch.randperm(len(images), generator=generator).to(images.labels.device)
    for step in range(steps_per_epoch(len(images), batch_size)):
        yield images.pick(order[step * batch_size : (step + 1) * batch_size])


def smoothed_loss(log_probabilities: Tensor, labels: Tensor) -> Tensor:
    """Return the mean cross-entropy (nats) of (N, 10) log-probabilities against smoothed (N,) labels."""
    hard = functional.nll_loss(log_probabilities, labels)
    return (1 - LABEL_SMOOTHING) * hard - LABEL_SMOOTHING * log_probabilities.mean()


def _optimizer(network: nn.Module) -> torch.optim.Optimizer:
    """Return AdamW that leaves biases and norms undecayed: shrinking them only shifts the scale."""
    matrices = [parameter for parameter in network.parameters() if parameter.ndim > 1]
    vectors = [parameter for parameter in network.parameters() if parameter.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": WEIGHT_DECAY}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=PEAK_LEARNING_RATE)


def _step(
    network: nn.Module,
    batch: Images,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    generator: torch.Generator,
) -> Tensor:
    """Learn from one batch and return its loss, detached and still on the device."""
    pixels = distort(batch.images_u8, generator)
    with torch.autocast(pixels.device.type, dtype=torch.float16, enabled=pixels.device.type == "cuda"):
        loss = smoothed_loss(network(pixels), batch.labels)
    optimizer.zero_grad(set_to_none=True)
    scaler.scale(loss).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    scaler.step(optimizer)
    scaler.update()
    return loss.detach()


def _report(console: Console, epoch: int, epochs: int, loss: float, elapsed_s: float) -> None:
    """Write a line an epoch where there is no bar to watch."""
    if console.is_interactive:
        return
    left_s = elapsed_s / epoch * (epochs - epoch)
    console.line(f"  epoch {epoch:>3}/{epochs}  loss {loss:.4f}  {duration(elapsed_s)}, {duration(left_s)} left")
