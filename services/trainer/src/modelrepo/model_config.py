"""Triton's ``config.pbtxt``, written and read through protobuf.

Source: https://github.com/triton-inference-server/common/blob/main/protobuf/model_config.proto
"""

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as pb

from modelrepo.contract import VARIABLE, Contract, Datatype
from modelrepo.errors import RepositoryDamaged
from modelrepo.formats import FORMATS, FormatName
from modelrepo.manifest import Manifest

WARM_UP_BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)
# The first two runs of a shape are the slow ones: libtorch profiles, then specialises.
WARM_UP_RUNS = 3
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


def build_config(name: str, version: int, manifest: Manifest) -> str:
    """Return the text of ``config.pbtxt`` that serves ``version`` and no other.

    The text follows from the version's manifest alone, so that a rollback restores that version's own config: another
    version may have another format or other tensors.

    Args:
        name: The model.
        version: The version's folder.
        manifest: The version's record.
    """
    batched = manifest.max_batch_size > 0
    config = pb.ModelConfig(
        name=name,
        platform=FORMATS[manifest.format].platform,
        max_batch_size=manifest.max_batch_size,
        version_policy=pb.ModelVersionPolicy(specific=pb.ModelVersionPolicy.Specific(versions=[version])),
        input=[
            pb.ModelInput(name=spec.name, data_type=_data_type(spec.dtype), dims=spec.dims(batched=batched))
            for spec in manifest.contract.inputs
        ],
        output=[
            pb.ModelOutput(name=spec.name, data_type=_data_type(spec.dtype), dims=spec.dims(batched=batched))
            for spec in manifest.contract.outputs
        ],
        dynamic_batching=pb.ModelDynamicBatching() if batched else None,
        model_warmup=_warm_up(manifest.contract, manifest.max_batch_size),
    )
    for key, value in PARAMETERS[manifest.format].items():
        config.parameters[key].string_value = value
    return text_format.MessageToString(config)


def served_version(text: str) -> int:
    """Return the one version that a config names.

    Raises:
        RepositoryDamaged: It can't be parsed, or doesn't name exactly one.
    """
    versions = _parse(text).version_policy.specific.versions
    if len(versions) != 1:
        raise RepositoryDamaged(
            f"config.pbtxt names {len(versions)} versions and must name one; publish a version to replace it"
        )
    return int(versions[0])


def _data_type(dtype: Datatype) -> pb.DataType:
    """Return the config's name for a datatype of the protocol."""
    return pb.DataType.Value(f"TYPE_{'STRING' if dtype == 'BYTES' else dtype}")


def _warm_up(contract: Contract, max_batch_size: int) -> list[pb.ModelWarmup]:
    """Return random inputs of several batch sizes; none for a model with an input of variable length."""
    batched = max_batch_size > 0
    if any(VARIABLE in spec.dims(batched=batched) for spec in contract.inputs):
        return []
    inputs = {
        spec.name: pb.ModelWarmup.Input(
            data_type=_data_type(spec.dtype), dims=spec.dims(batched=batched), random_data=True
        )
        for spec in contract.inputs
    }
    # A model without a batch dimension is warmed up with a batch size of 1 too: Triton requires it.
    sizes = [size for size in WARM_UP_BATCHES if size <= max(1, max_batch_size)]
    return [pb.ModelWarmup(name=f"batch-{size}", batch_size=size, count=WARM_UP_RUNS, inputs=inputs) for size in sizes]


def _parse(text: str) -> pb.ModelConfig:
    try:
        return text_format.Parse(text, pb.ModelConfig())
    except text_format.ParseError as exc:
        raise RepositoryDamaged(f"config.pbtxt can't be parsed: {exc}; publish a version to replace it") from exc
