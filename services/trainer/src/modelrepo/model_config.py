"""Triton's ``config.pbtxt``, written and read through protobuf.

Source: https://github.com/triton-inference-server/common/blob/main/protobuf/model_config.proto
"""

import math
from typing import TypeVar

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as pb

from modelrepo.contract import VARIABLE, Contract, Datatype, TensorSpec
from modelrepo.errors import RepositoryDamaged
from modelrepo.formats import FORMATS, FormatName
from modelrepo.manifest import Manifest

WARM_UP_BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)
# The first two runs of a shape are the slow ones: libtorch profiles, then specialises.
WARM_UP_RUNS = 3
# Batches of large inputs aren't all warmed up: they would take longer than a load may take.
WARM_UP_BYTES = 4 << 20
VALUE_BYTES = 4
INDEX_DTYPES = {"INT16", "INT32", "INT64", "UINT16", "UINT32", "UINT64"}
# The parameters' names are those of Triton's native backends; the Python-based backends read the same ones.
# One thread an instance: more threads than cores slow an instance down, and concurrent requests use all cores.
PARAMETERS: dict[FormatName, dict[str, str]] = {
    "onnx": {"intra_op_thread_count": "1", "inter_op_thread_count": "1"},
    "torchscript": {
        "INTRA_OP_THREAD_COUNT": "1",
        # No autograd bookkeeping.
        "INFERENCE_MODE": "true",
        # The profiling executor specialises for each new batch size while requests wait. The graph is frozen and
        # folded already, so specialising gains nothing.
        "DISABLE_OPTIMIZED_EXECUTION": "true",
    },
}

Tensor = TypeVar("Tensor", pb.ModelInput, pb.ModelOutput)


def build_config(name: str, version: int, manifest: Manifest, canary: int | None = None) -> str:
    """Return the text of ``config.pbtxt`` that serves ``version``, and beside it the canary if there is one.

    The text follows from the version's manifest alone, so that a rollback restores that version's own config: another
    version may have another format or other tensors.

    Args:
        name: The model.
        version: The version's folder.
        manifest: The version's record.
        canary: A version of the same format and tensors.
    """
    batched = manifest.max_batch_size > 0
    config = parse(manifest.config)
    config.name = name
    config.platform = FORMATS[manifest.format].platform
    config.max_batch_size = manifest.max_batch_size
    config.version_policy.specific.versions[:] = [version] if canary is None else [version, canary]
    config.input.extend(_tensor(pb.ModelInput, spec, batched=batched) for spec in manifest.contract.inputs)
    for index, spec in enumerate(manifest.contract.outputs):
        output = _tensor(pb.ModelOutput, spec, batched=batched)
        if spec.labels:
            output.label_filename = f"{version}/{labels_file(index)}"
        config.output.append(output)
    if batched and config.WhichOneof("scheduling_choice") is None:
        config.dynamic_batching.SetInParent()
    if manifest.warm_up and not config.model_warmup:
        config.model_warmup.extend(_warm_up(manifest.contract, manifest.max_batch_size))
    for key, value in PARAMETERS[manifest.format].items():
        if key not in config.parameters:
            config.parameters[key].string_value = value
    return text_format.MessageToString(config)


def labels_file(index: int) -> str:
    """Return the name of the file in a version's folder that holds the labels of the output at ``index``."""
    return f"labels_{index}.txt"


def named_versions(text: str) -> tuple[int, int | None]:
    """Return the served version that a config names, and the canary beside it.

    Raises:
        RepositoryDamaged: It can't be parsed, or doesn't name one version or two.
    """
    versions = [int(version) for version in parse(text).version_policy.specific.versions]
    if len(versions) not in (1, 2):
        raise RepositoryDamaged(
            f"config.pbtxt names {len(versions)} versions and must name one, or two with a canary; publish a version "
            "to replace it"
        )
    return versions[0], versions[1] if len(versions) > 1 else None


def data_type(dtype: Datatype) -> pb.DataType:
    """Return the config's name for a datatype of the protocol."""
    return pb.DataType.Value(f"TYPE_{'STRING' if dtype == 'BYTES' else dtype}")


def data_type_name(number: int) -> str:
    """Return the config's name of a datatype's number."""
    return str(pb.DataType.Name(number))


def _tensor(kind: type[Tensor], spec: TensorSpec, *, batched: bool) -> Tensor:
    tensor = kind(name=spec.name, data_type=data_type(spec.dtype), dims=spec.dims(batched=batched))
    if spec.is_row_scalar(batched=batched):
        tensor.reshape.SetInParent()
    return tensor


def _warm_up(contract: Contract, max_batch_size: int) -> list[pb.ModelWarmup]:
    """Return inputs of several batch sizes; none for a model with an input of variable length.

    Wide integers are mostly indices, of which a random one could be out of range, so they are zero.
    """
    batched = max_batch_size > 0
    if any(VARIABLE in spec.dims(batched=batched) for spec in contract.inputs):
        return []
    inputs = {
        spec.name: pb.ModelWarmup.Input(
            data_type=data_type(spec.dtype),
            dims=spec.dims(batched=batched),
            **{"zero_data" if spec.dtype in INDEX_DTYPES else "random_data": True},
        )
        for spec in contract.inputs
    }
    row_bytes = sum(math.prod(spec.dims(batched=batched)) * VALUE_BYTES for spec in contract.inputs)
    # A model without a batch dimension is warmed up with a batch size of 1 too: Triton requires it.
    most = max(1, min(max_batch_size, WARM_UP_BYTES // max(1, row_bytes)))
    sizes = [size for size in WARM_UP_BATCHES if size <= most]
    return [pb.ModelWarmup(name=f"batch-{size}", batch_size=size, count=WARM_UP_RUNS, inputs=inputs) for size in sizes]


def parse(text: str) -> pb.ModelConfig:
    """Return a config's message.

    Raises:
        RepositoryDamaged: It can't be parsed.
    """
    try:
        return text_format.Parse(text, pb.ModelConfig())
    except text_format.ParseError as exc:
        raise RepositoryDamaged(f"config.pbtxt can't be parsed: {exc}; publish a version to replace it") from exc
