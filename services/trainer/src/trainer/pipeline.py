"""The story on one page: what each command does, from top to bottom."""

from trainer import device, export, publish, release
from trainer.console import Console, duration, percent
from trainer.data import Dataset, load_dataset
from trainer.errors import AccuracyRefused, RepositoryDamaged
from trainer.evaluate import accuracy, judge
from trainer.fit import Recipe, fit
from trainer.formats import FORMATS, choose_format
from trainer.manifest import CONTRACT, DatasetRecord, Manifest, library_versions, now
from trainer.network import DigitNetwork, build_network, count_parameters
from trainer.report import Report
from trainer.repository import Repository
from trainer.settings import Settings


def train(settings: Settings, console: Console, *, load: bool) -> None:
    """Train, export, judge, publish, and have it served.

    Raises:
        TrainerError: Something stood in the way; ``trainer.errors`` says what, and with which exit code.
    """
    repository = Repository(settings.model_repository, settings.model_name)
    with Report(settings, repository, console).of_training():
        publish.check_writable(repository)
        if load:
            release.check_access(settings)
        with publish.training(repository):
            dataset = load_dataset(settings, console)
            network, manifest = _learn(settings, dataset, console)
            images_u8 = dataset.validation.images_u8
            model = export.export(network, images_u8, manifest.format)
            title = FORMATS[manifest.format].title
            console.item("export", f"{len(model) / 1e3:.0f} kB of {title}, same answers on {len(images_u8):,} images")
            probe = release.make_probe(model, manifest.format, images_u8[: release.PROBE_IMAGES])
            with publish.changing(repository):
                _pass_gate(repository, settings, dataset, manifest, console)
                former = repository.served_or_none()
                version = publish.publish(repository, model, manifest)
                console.item("published", f"version {version} in {repository.folder / str(version)}")
                if load:
                    release.serve(repository, settings, release.Change(version, former), probe, console)


def ensure(settings: Settings, console: Console, *, load: bool) -> None:
    """Train only if nothing is published; else check that what is published is whole.

    Raises:
        TrainerError: As ``train``; ``RepositoryDamaged`` if the served version isn't what its manifest says.
    """
    repository = Repository(settings.model_repository, settings.model_name)
    served = repository.served()
    if served is None:
        train(settings, console, load=load)
        return
    repository.model(served)
    Report(settings, repository, console).of_what_is_served()
    console.line(f"version {served} is published in {repository.folder} and whole; nothing to train")


def list_versions(settings: Settings, console: Console) -> None:
    """Write a table of all versions, the newest first, each checked against its checksum."""
    repository = Repository(settings.model_repository, settings.model_name)
    served = repository.served()
    versions = repository.versions()
    if not versions:
        console.line(f"nothing is published in {repository.folder}")
        return
    row = "{:>7}  {:<7}  {:>10}  {:>7}  {:<6}  {:<11}  {:<25}  {}".format
    console.line(row("version", "state", "validation", "test", "data", "format", "trained", "SHA-256"))
    for version in reversed(versions):
        state = "served" if version == served else "retired"
        try:
            repository.model(version)
            manifest = repository.manifest(version)
        except RepositoryDamaged as exc:
            console.line(f"{version:>7}  {state:<7}  DAMAGED: {exc}")
            continue
        shares = percent(manifest.validation_accuracy), percent(manifest.test_accuracy)
        what = manifest.dataset.name, manifest.format
        console.line(row(version, state, *shares, *what, manifest.created, manifest.sha256[:12]))


def rollback(settings: Settings, console: Console, *, to: int | None, load: bool) -> None:
    """Serve the version that was served before, or the one named by ``to``.

    Raises:
        TrainerError: There is none, it is damaged, or Triton doesn't take it.
    """
    repository = Repository(settings.model_repository, settings.model_name)
    with publish.changing(repository):
        served = repository.served()
        target = repository.former() if to is None else to
        # Everything that can be found out is found out before the pointer moves.
        repository.require(target)
        probe = None
        if load:
            release.check_access(settings)
            name = repository.manifest(target).format
            probe = release.make_probe(repository.model(target), name, release.random_images())
        publish.point_at(repository, target)
        console.item("rolled back", f"from version {served} to version {target} in {repository.folder}")
        if probe is not None:
            release.serve(repository, settings, release.Change(target, served), probe, console)
    Report(settings, repository, console).of_what_is_served()


def _learn(settings: Settings, dataset: Dataset, console: Console) -> tuple[DigitNetwork, Manifest]:
    """Train a network, and write down what came of it."""
    where = device.choose_device(settings.device)
    device.prepare(where, settings.threads)
    network = build_network(settings.seed)
    recipe = Recipe(settings.epochs, settings.batch_size, settings.seed)
    console.item("data", f"{dataset.name} from {dataset.origin}")
    sizes = len(dataset.train), len(dataset.validation), len(dataset.test)
    console.item("", "{:,} images to learn from, {:,} to judge by, {:,} to report on".format(*sizes))
    console.item("network", f"{count_parameters(network):,} parameters, {recipe.epochs} epochs, seed {recipe.seed}")
    console.item("device", device.describe(where))
    training_s = fit(network, dataset.train, recipe, where, console)
    manifest = Manifest(
        created=now(),
        validation_accuracy=accuracy(network, dataset.validation, where),
        test_accuracy=accuracy(network, dataset.test, where),
        format=choose_format(settings.format, where.type),
        max_batch_size=settings.max_batch_size,
        dataset=DatasetRecord.of(dataset),
        seed=recipe.seed,
        epochs=recipe.epochs,
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
    return network, manifest


def _pass_gate(
    repository: Repository, settings: Settings, dataset: Dataset, manifest: Manifest, console: Console
) -> None:
    """Stop here unless the network is good enough."""
    served = repository.served_or_none()
    published = None
    if served is not None:
        try:
            published = repository.manifest(served)
        except RepositoryDamaged as exc:
            console.warning(f"{exc}; judged by the floor alone")
    verdict = judge(manifest.validation_accuracy, dataset, settings.min_accuracy, settings.max_accuracy_drop, published)
    if not verdict.accepted:
        raise AccuracyRefused(f"not published: {verdict.reason} (TRAINER_MIN_ACCURACY, TRAINER_MAX_ACCURACY_DROP)")
    console.item("gate", f"passed: {verdict.reason}")
