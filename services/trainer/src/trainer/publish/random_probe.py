"""The probe of any model: random input, and what the published file answers to it here."""

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from modelrepo.contract import TensorSpec
from modelrepo.errors import RepositoryDamaged
from modelrepo.formats import FORMATS
from modelrepo.manifest import Manifest
from modelrepo.probe import Probe, Tensors
from trainer.errors import ModelFileRefused
from trainer.publish.agreement import difference_of
from trainer.publish.batch_dimension import ROWS
from trainer.publish.model_file import ModelFile, RunFailed
from trainer.publish.onnx_file import OnnxFile
from trainer.publish.random_input import run_on_some
from trainer.publish.torchscript_file import TorchScriptFile


def probe_random(model: bytes, manifest: Manifest) -> Probe:
    """Ask a published file about random input: a rollback has no other.

    Args:
        model: The file's content.
        manifest: Its record.

    Raises:
        RepositoryDamaged: It can't be loaded or run.
    """
    name, contract = FORMATS[manifest.format].file, manifest.contract
    try:
        file: ModelFile
        if manifest.format == "onnx":
            file = OnnxFile(model, name)
            file.inputs = contract.inputs
        else:
            outputs = tuple(spec.name for spec in contract.outputs)
            file = TorchScriptFile(model, name, contract.inputs, outputs)
        inputs, outputs_of_file = run_on_some(file, ROWS if manifest.max_batch_size > 0 else None)
    except (ModelFileRefused, RunFailed) as exc:
        raise RepositoryDamaged(f"version {manifest.version} can't be run: {exc}") from exc
    return probe_of(file, manifest, inputs, outputs_of_file)


def probe_of(file: ModelFile, manifest: Manifest, inputs: Tensors, outputs: Tensors) -> Probe:
    """Return the probe of a run.

    A file that answers the same input in two ways, such as one that draws random numbers, is compared by shape only.

    Args:
        file: The file.
        manifest: Its record.
        inputs: What it was given.
        outputs: What it answered.
    """
    contract, batched = manifest.contract, manifest.max_batch_size > 0
    repeats = difference_of(file.run(inputs), outputs) is None
    return Probe(
        {spec.name: _as_client_sees(inputs[spec.name], spec, batched=batched) for spec in contract.inputs},
        {spec.name: _as_client_sees(outputs[spec.name], spec, batched=batched) for spec in contract.outputs},
        difference_of if repeats else _ignore,
    )


def _ignore(answers: Mapping[str, Any], expected: Mapping[str, Any]) -> None:  # noqa: ARG001  shapes are compared before
    return None


def _as_client_sees(array: NDArray[Any], spec: TensorSpec, *, batched: bool) -> NDArray[Any]:
    """Return the array with the rank that Triton shows: it has no rank 0, neither of a row nor of a whole tensor."""
    if array.ndim == 0 or spec.is_row_scalar(batched=batched):
        return array.reshape(*array.shape, 1)
    return array
