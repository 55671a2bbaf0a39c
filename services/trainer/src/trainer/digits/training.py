"""What ``train`` does, step by step: data, network, training, export, accuracy gate, publishing, loading."""

from modelrepo import publish, rollout, triton_repository_api
from modelrepo.formats import FORMATS
from modelrepo.manifest import now
from modelrepo.repository import Repository
from trainer.console import Console, duration, percent
from trainer.digits import device, export
from trainer.digits.calibrate import calibrate
from trainer.digits.contract import CONTRACT
from trainer.digits.data import Dataset, load_dataset
from trainer.digits.evaluate import accuracy
from trainer.digits.fit import Recipe, fit
from trainer.digits.gate import Gate
from trainer.digits.manifest import Calibration, DatasetRecord, DigitManifest, library_versions
from trainer.digits.network import DigitNetwork, build_network, count_parameters
from trainer.digits.probe import PROBE_IMAGES, probe_images
from trainer.digits.synthetic.mixture import mix
from trainer.settings import Settings
from trainer.target import target_of


def train(repository: Repository, settings: Settings, console: Console, *, load: bool) -> None:
    """Train a network, publish it if it is accurate enough, and have running Tritons serve it.

    Raises:
        TrainerError: The images, the accuracy or the exported file is at fault.
        ModelRepoError: The repository or a Triton is at fault.
    """
    publish.check_writable(repository)
    if load:
        triton_repository_api.check_access(target_of(settings))
    with publish.training(repository):
        dataset = load_dataset(settings, console)
        network, manifest = _learn(settings, dataset, console)
        images_u8 = dataset.validation.images_u8
        model = export.export(network, images_u8, manifest.format)
        title = FORMATS[manifest.format].title
        console.item("export", f"{len(model) / 1e3:.0f} kB of {title}, same answers on {len(images_u8):,} images")
        probe = probe_images(model, manifest.format, images_u8[:PROBE_IMAGES])
        candidate = rollout.Candidate(model, manifest, probe, Gate(settings, dataset, manifest, console))
        # The target is read again: the admin key's file may have been written during the training.
        rollout.roll_out(repository, candidate, target_of(settings) if load else None, console)


def _learn(settings: Settings, dataset: Dataset, console: Console) -> tuple[DigitNetwork, DigitManifest]:
    """Train a network; return it with its record."""
    where = device.choose_device(settings.device)
    device.prepare(where, settings.threads)
    network = build_network(settings.seed)
    recipe = Recipe(settings.epochs, settings.batch_size, settings.seed)
    console.item("data", f"{dataset.name} from {dataset.origin}")
    sizes = len(dataset.train), len(dataset.validation), len(dataset.test)
    console.item("", "{:,} images to train on, {:,} to validate, {:,} to test".format(*sizes))
    epochs = recipe.epochs + recipe.finish().epochs
    console.item("network", f"{count_parameters(network):,} parameters, {epochs} epochs, seed {recipe.seed}")
    console.item("device", device.describe(where))
    mixture = mix(dataset.train, recipe.seed)
    console.item("drawn", f"{mixture.drawn:,} digits, and {mixture.non_digits:,} shapes that are no digit")
    training_s = fit(network, mixture.images, recipe, where, console)
    if recipe.finish().epochs:
        training_s += fit(network, mixture.images, recipe.finish(), where, console)
    calibration = calibrate(network, dataset.validation, where)
    manifest = DigitManifest(
        created=now(),
        validation_accuracy=accuracy(network, dataset.validation, where),
        test_accuracy=accuracy(network, dataset.test, where),
        format=export.choose_format(settings.format, where.type),
        max_batch_size=settings.max_batch_size,
        calibration=calibration,
        dataset=DatasetRecord.of(dataset),
        drawn_images=mixture.drawn,
        non_digit_images=mixture.non_digits,
        seed=recipe.seed,
        epochs=epochs,
        batch_size=recipe.batch_size,
        training_s=round(training_s, 1),
        device=device.describe(where),
        parameters=count_parameters(network),
        libraries=library_versions(),
        contract=CONTRACT,
    )
    console.item("trained", f"in {duration(training_s)}")
    shares = percent(manifest.validation_accuracy), percent(manifest.test_accuracy)
    console.item("accuracy", "{} on validation, {} on test images".format(*shares))
    _report(calibration, console)
    return network, manifest


def _report(found: Calibration, console: Console) -> None:
    errors = percent(found.validation_ece), percent(found.photographs_ece), percent(found.photographs_accuracy)
    text = "temperature {:.2f}; error {} on validation images, {} on photographs of them ({} right)"
    console.item("calibrated", text.format(found.temperature, *errors))
