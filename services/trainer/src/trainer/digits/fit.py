"""Training: AdamW, one cycle of the learning rate, label smoothing, and an exponential average of the weights."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from trainer.console import Console, duration
from trainer.digits.augmentation.augment import augment
from trainer.digits.data import NO_DIGIT, Images

# Source of the recipe: Smith & Topin, "Super-Convergence", https://arxiv.org/abs/1708.07120 (one cycle) and
# Müller et al., "When Does Label Smoothing Help?", https://arxiv.org/abs/1906.02629. The average of the weights is
# Polyak's; it adds about 0.05 % on MNIST's test set.
PEAK_LEARNING_RATE = 1e-2
WORN_SHARE = 0.4
# The last epochs, one for eight before, are a cycle of their own: a low rate, and mostly MNIST's own pen. They are for
# the accuracy on clean images.
EPOCHS_A_FINISH = 8
FINISH_LEARNING_RATE = 2e-3
FINISH_WORN_SHARE = 0.1
WARM_UP_SHARE = 0.2
WEIGHT_DECAY = 0.05
LABEL_SMOOTHING = 0.05
# Time constant of the average of the weights, as a share of the training.
AVERAGE_SHARE = 0.12
# An epoch passes over a small data set several times: 1,198 images are 4 steps, too few for the schedule.
MIN_STEPS_PER_EPOCH = 40


@dataclass(frozen=True)
class Recipe:
    """The settings of a training.

    Args:
        epochs: Passes over the images (more in a small data set, see ``MIN_STEPS_PER_EPOCH``).
        batch_size: Images a step.
        seed: Seed of the order and the augmentation.
        peak_learning_rate: Of the cycle.
        worn_share: Share of a batch that gets another pen and residues of a background.
    """

    epochs: int
    batch_size: int
    seed: int
    peak_learning_rate: float = PEAK_LEARNING_RATE
    worn_share: float = WORN_SHARE

    def finish(self) -> "Recipe":
        """Return the recipe of the last epochs, which follow this one's; they may be none."""
        epochs = self.epochs // EPOCHS_A_FINISH
        return Recipe(epochs, self.batch_size, self.seed + 1, FINISH_LEARNING_RATE, FINISH_WORN_SHARE)


def fit(network: nn.Module, images: Images, recipe: Recipe, device: torch.device, console: Console) -> float:
    """Train ``network`` in place. It ends with the average of its weights, on ``device``, in evaluation mode.

    Returns:
        Wall-clock seconds.
    """
    network.to(device).train()
    images = Images(images.images_u8.to(device), images.labels.to(device))
    generator = torch.Generator().manual_seed(recipe.seed)
    steps = steps_per_epoch(len(images), recipe.batch_size)
    optimizer = _optimizer(network, recipe.peak_learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.peak_learning_rate, total_steps=steps * recipe.epochs, pct_start=WARM_UP_SHARE
    )
    decay = 1 - 1 / (1 + AVERAGE_SHARE * steps * recipe.epochs)
    ema = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]  # untyped in torch
    average = AveragedModel(network, multi_avg_fn=ema, use_buffers=True)
    # Only float16 on CUDA needs the scaling.
    scaler = torch.amp.GradScaler(device.type, enabled=device.type == "cuda")
    started_s = time.monotonic()
    with console.bar("training", steps * recipe.epochs, unit="step") as bar:
        for epoch in range(1, recipe.epochs + 1):
            losses = torch.zeros((), device=device)
            bar.set_description(f"epoch {epoch}/{recipe.epochs}")
            for batch in shuffled_batches(images, recipe.batch_size, generator):
                pixels = augment(batch.images_u8, recipe.worn_share, generator)
                losses += _step(network, pixels, batch.labels, optimizer, scaler)
                schedule.step()
                average.update_parameters(network)
                bar.update()
            _report(console, epoch, recipe.epochs, float(losses) / steps, time.monotonic() - started_s)
    network.load_state_dict(average.module.state_dict())
    network.eval()
    return time.monotonic() - started_s


def steps_per_epoch(images: int, batch_size: int) -> int:
    """Return the steps of an epoch: the whole batches in it, or ``MIN_STEPS_PER_EPOCH`` if that is more."""
    return max(MIN_STEPS_PER_EPOCH, images // batch_size)


def shuffled_batches(images: Images, batch_size: int, generator: torch.Generator) -> Iterator[Images]:
    """Yield an epoch's batches in a random order, all of one size: a short batch would disturb the batch norm."""
    steps = steps_per_epoch(len(images), batch_size)
    rounds = math.ceil(steps * batch_size / len(images))
    order = torch.cat([torch.randperm(len(images), generator=generator) for _ in range(rounds)])
    order = order.to(images.labels.device)
    for step in range(steps):
        yield images.pick(order[step * batch_size : (step + 1) * batch_size])


def smoothed_loss(log_probabilities: Tensor, labels: Tensor) -> Tensor:
    """Return the mean cross-entropy (nats) of (N, 10) log-probabilities against smoothed (N,) labels.

    ``NO_DIGIT`` is smoothed entirely: every digit is as likely as the others.
    """
    smoothing = torch.where(labels == NO_DIGIT, 1.0, LABEL_SMOOTHING)
    hard = -log_probabilities.gather(1, labels.clamp(min=0).unsqueeze(1)).squeeze(1)
    return ((1 - smoothing) * hard - smoothing * log_probabilities.mean(1)).mean()


def _optimizer(network: nn.Module, learning_rate: float) -> torch.optim.Optimizer:
    """Return AdamW without weight decay for biases and norms: decay would only change their scale."""
    matrices = [parameter for parameter in network.parameters() if parameter.ndim > 1]
    vectors = [parameter for parameter in network.parameters() if parameter.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": WEIGHT_DECAY}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=learning_rate)


def _step(
    network: nn.Module,
    pixels: Tensor,
    labels: Tensor,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
) -> Tensor:
    """Train on one batch, (N, 1, 28, 28) float32 and (N,) int64; return its loss, detached, on the device."""
    with torch.autocast(pixels.device.type, dtype=torch.float16, enabled=pixels.device.type == "cuda"):
        loss = smoothed_loss(network(pixels), labels)
    optimizer.zero_grad(set_to_none=True)
    scaler.scale(loss).backward()  # type: ignore[no-untyped-call]  # untyped in torch
    scaler.step(optimizer)
    scaler.update()
    return loss.detach()


def _report(console: Console, epoch: int, epochs: int, loss: float, elapsed_s: float) -> None:
    """Write one line an epoch where no progress bar is shown."""
    if console.is_interactive:
        return
    left_s = elapsed_s / epoch * (epochs - epoch)
    console.line(f"  epoch {epoch:>3}/{epochs}  loss {loss:.4f}  {duration(elapsed_s)}, {duration(left_s)} left")
