"""The images of a training: MNIST from a folder, the cache or a mirror; otherwise the bundled digits."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from modelrepo.checksum import sha256
from trainer.console import Console
from trainer.digits import bundled, download, idx
from trainer.digits.contract import IMAGE_PX
from trainer.errors import DataError, DownloadFailed
from trainer.settings import Settings

# SHA-256 of the uncompressed files; the gzip streams differ between mirrors.
MNIST_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
# A validation accuracy below this is a fault of the training; seeds change it by less.
FLOORS = {"mnist": 0.99, "digits": 0.95}
# Every training has the same split, whatever its seed, so that the gate compares versions on the same images.
SPLIT_SEED = 20_240_229
DIGITS_TEST_SHARE = 0.2
LARGEST_VALIDATION_SHARE = 1 / 6
# The label of an image that shows no digit.
NO_DIGIT = -1
FALLBACK_COST = (
    "MNIST isn't available, so this trains on scikit-learn's 1,797 bundled digits. Such a model classifies about 9 in "
    "10 of MNIST's test images correctly, instead of 996 in 1,000 (docs/benchmarks.md). To train on MNIST, put its "
    "four files into TRAINER_DATA_DIR, or make the mirrors reachable from this machine."
)


@dataclass(frozen=True)
class Images:
    """Images with their labels.

    Args:
        images_u8: (N, 1, 28, 28) uint8, white on black.
        labels: (N,) int64, 0–9; -1 (``NO_DIGIT``) only among drawn training images.
    """

    images_u8: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def pick(self, indices: Tensor) -> "Images":
        """Return the images at ``indices`` (int64), in that order."""
        return Images(self.images_u8[indices], self.labels[indices])


@dataclass(frozen=True)
class Dataset:
    """The images of a training, its validation and its test.

    Args:
        name: ``mnist`` or ``digits``.
        origin: The source, for messages.
        train: Images to train on.
        validation: Held out of the training images, for the accuracy gate.
        test: Never used for a decision, only reported.
        sha256: Checksum of every source file, by its name.
    """

    name: str
    origin: str
    train: Images
    validation: Images
    test: Images
    sha256: dict[str, str]


def load_dataset(settings: Settings, console: Console) -> Dataset:
    """Return the images that the settings name, split.

    Raises:
        DataError: They aren't available, or differ from their checksums.
    """
    if settings.dataset == "digits":
        return _digits(settings)
    try:
        return _mnist(settings, console)
    except DownloadFailed as exc:
        if settings.dataset == "mnist":
            raise
        console.warning(f"{exc}.")
        console.warning(FALLBACK_COST)
        return _digits(settings)


def split(images: Images, held_out: int) -> tuple[Images, Images]:
    """Split into (rest, held out), stratified by label, the same in every call.

    Args:
        images: The images to split.
        held_out: Images to hold out.
    """
    generator = torch.Generator().manual_seed(SPLIT_SEED)
    shuffled = torch.randperm(len(images), generator=generator)
    by_label = shuffled[images.labels[shuffled].argsort(stable=True)]
    # Evenly spaced positions in the order of labels: each label gives its share, and the count is exact.
    positions = torch.arange(held_out) * len(images) // max(1, held_out)
    mask = torch.zeros(len(images), dtype=torch.bool)
    mask[by_label[positions]] = True
    return images.pick((~mask).nonzero().flatten()), images.pick(mask.nonzero().flatten())


def _digits(settings: Settings) -> Dataset:
    images_u8, labels = bundled.load()
    everything = Images(images_u8, labels)
    checksums = {"digits-28x28": sha256(images_u8.numpy().tobytes() + labels.numpy().tobytes())}
    rest, test = split(everything, round(len(everything) * DIGITS_TEST_SHARE))
    return Dataset("digits", "scikit-learn's bundle", *_hold_out(rest, settings), test, checksums)


def _mnist(settings: Settings, console: Console) -> Dataset:
    origin, locate = _source(settings, console)
    arrays = {name: idx.read_bytes(locate(name)) for name in MNIST_SHA256}
    for name, checksum in MNIST_SHA256.items():
        if sha256(arrays[name]) != checksum:
            raise DataError(f"{origin}: the SHA-256 of {name} differs from MNIST's; download the file again")
    everything, test = (_images(arrays, prefix) for prefix in ("train", "t10k"))
    return Dataset("mnist", origin, *_hold_out(everything, settings), test, dict(MNIST_SHA256))


def _source(settings: Settings, console: Console) -> tuple[str, Callable[[str], Path]]:
    """Return the source of MNIST, for messages, and a function that returns the path of each file."""
    folder = settings.data_dir
    if folder is not None:
        if not folder.is_dir():
            raise DataError(f"TRAINER_DATA_DIR: {folder} isn't a folder")
        found = {
            name: path for name in MNIST_SHA256 for path in (folder / f"{name}.gz", folder / name) if path.is_file()
        }
        if missing := MNIST_SHA256.keys() - found.keys():
            if found:
                raise DataError(f"TRAINER_DATA_DIR: {folder} lacks {', '.join(sorted(missing))} (or .gz)")
            console.warning(f"TRAINER_DATA_DIR: {folder} has none of MNIST's files; trying the cache and the mirrors.")
        else:
            return str(folder), found.__getitem__

    source = download.Source(settings.mirrors, settings.cache_dir, settings.download_timeout_s)

    def locate(name: str) -> Path:
        return download.fetch(f"{name}.gz", MNIST_SHA256[name], source, console)

    return str(settings.cache_dir), locate


def _images(arrays: dict[str, bytes], prefix: str) -> Images:
    images_u8 = idx.parse(arrays[f"{prefix}-images-idx3-ubyte"], 3, f"{prefix}-images-idx3-ubyte")
    labels = idx.parse(arrays[f"{prefix}-labels-idx1-ubyte"], 1, f"{prefix}-labels-idx1-ubyte")
    if images_u8.shape != (len(labels), IMAGE_PX, IMAGE_PX):
        raise DataError(f"{prefix}: images of shape {images_u8.shape} for {len(labels):,} labels")
    # Copied: frombuffer returns a read-only array, which PyTorch doesn't support.
    return Images(torch.from_numpy(images_u8.copy()).unsqueeze(1), torch.from_numpy(labels.astype("int64")))


def _hold_out(everything: Images, settings: Settings) -> tuple[Images, Images]:
    """Return the training and the validation images."""
    held_out = min(settings.validation_images, round(len(everything) * LARGEST_VALIDATION_SHARE))
    train, validation = split(everything, held_out)
    if settings.train_limit:
        # The order in the files isn't random: the first N images would be the digits of a few writers.
        generator = torch.Generator().manual_seed(SPLIT_SEED)
        train = train.pick(torch.randperm(len(train), generator=generator)[: settings.train_limit])
    return train, validation
