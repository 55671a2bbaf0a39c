"""What ``publish`` does, step by step: read, run, describe, publish, load, compare."""

from pathlib import Path

from modelrepo import publish, rollout, triton_repository_api
from modelrepo.contract import Contract, TensorSpec
from modelrepo.formats import FORMATS
from modelrepo.manifest import Manifest, now
from modelrepo.repository import Repository
from trainer.console import Console
from trainer.errors import SettingsError
from trainer.publish import config_merge
from trainer.publish.batch_dimension import ROWS, Trial, try_out
from trainer.publish.config_merge import GivenConfig
from trainer.publish.given_file import read_bytes, read_text
from trainer.publish.labels import add_labels
from trainer.publish.model_file import ModelFile
from trainer.publish.onnx_file import OnnxFile
from trainer.publish.order import Order
from trainer.publish.output_specs import describe_outputs
from trainer.publish.random_input import accepts_warm_up
from trainer.publish.random_probe import probe_of
from trainer.publish.tensor_option import apply_inputs, parse_tensor
from trainer.publish.torchscript_file import TorchScriptFile
from trainer.settings import Settings
from trainer.target import target_of

_ZIP, _PICKLE = b"PK\x03\x04", b"\x80"


def publish_file(repository: Repository, order: Order, settings: Settings, console: Console, *, load: bool) -> None:
    """Publish a file as a new version, and have running Tritons serve it.

    Raises:
        SettingsError: An option can't be used, or contradicts the file.
        ModelFileRefused: The file can't be served.
        ModelRepoError: The repository or a Triton is at fault.
    """
    data = read_bytes(order.file, "publish")
    given = None
    if order.config is not None:
        given = config_merge.parse_config(read_text(order.config, "--config"), str(order.config))
    file = open_file(data, order.file, tuple(parse_tensor(text) for text in order.inputs))
    publish.check_writable(repository, len(file.data))
    if load:
        triton_repository_api.check_access(target_of(settings))
    console.item("file", f"{order.file.name}: {len(file.data) / 1e6:.1f} MB of {FORMATS[file.format].title}")
    trial, contract = _describe(file, order, given, repository.model_name)
    manifest = Manifest(
        format=file.format,
        max_batch_size=(_largest(order, given) or settings.max_batch_size) if trial.batched else 0,
        created=now(),
        contract=add_labels(contract, order.labels, batched=trial.batched),
        warm_up=accepts_warm_up(file, ROWS if trial.batched else None),
        config="" if given is None else config_merge.remainder(given),
    )
    _show(manifest, trial, console)
    probe = probe_of(file, manifest, trial.inputs, trial.outputs)
    candidate = rollout.Candidate(file.data, manifest, probe, lambda _: None)
    rollout.roll_out(repository, candidate, target_of(settings) if load else None, console)


def open_file(data: bytes, path: Path, inputs: tuple[TensorSpec, ...]) -> ModelFile:
    """Load a file; its content tells the format.

    Args:
        data: The content.
        path: Where it was read.
        inputs: Those that ``--input`` describes.

    Raises:
        SettingsError: An input contradicts the file.
        ModelFileRefused: It is neither ONNX nor TorchScript, or can't be served.
    """
    if data.startswith((_ZIP, _PICKLE)):
        return TorchScriptFile(data, path.name, inputs)
    file = OnnxFile(data, path.name, path.parent)
    file.inputs = apply_inputs(file.inputs, inputs, path.name)
    return file


def _describe(file: ModelFile, order: Order, given: GivenConfig | None, model: str) -> tuple[Trial, Contract]:
    """Run the file, and return the run and the tensors, with the lengths that the config fixes."""
    name, largest = order.file.name, _largest(order, given)
    batched = None if largest is None else largest > 0
    trial = try_out(file, name, batched=batched)
    contract = Contract(inputs=file.inputs, outputs=describe_outputs(file, trial, name))
    if given is None:
        return trial, contract
    contract = config_merge.merge(given, model, file.format, contract, batched=trial.batched)
    if contract.inputs != file.inputs:
        file.inputs = contract.inputs
        trial = try_out(file, name, batched=trial.batched)
    return trial, contract


def _largest(order: Order, given: GivenConfig | None) -> int | None:
    """Return the largest batch that the command line or the config names, or None.

    Raises:
        SettingsError: They contradict one another, or it is negative.
    """
    found = {order.max_batch_size, None if given is None else given.max_batch_size} - {None}
    if len(found) > 1:
        raise SettingsError(f"--max-batch-size is {order.max_batch_size}, max_batch_size in --config another")
    largest = found.pop() if found else None
    if largest is not None and largest < 0:
        raise SettingsError(f"--max-batch-size is {largest}; give 0 for no batches, or the most rows of a batch")
    return largest


def _show(manifest: Manifest, trial: Trial, console: Console) -> None:
    for kind, specs in (("input", manifest.contract.inputs), ("output", manifest.contract.outputs)):
        for spec in specs:
            console.item(kind, f"{spec.name} {spec.dtype} {list(spec.shape)}")
    if trial.batched:
        console.item("batches", f"of up to {manifest.max_batch_size} rows: each row has its own answer")
    else:
        console.item("batches", f"none: {trial.reason}")
