"""Triton's ``config.pbtxt``: made and read through protobuf, never by formatting strings.

Source: https://github.com/triton-inference-server/common/blob/main/protobuf/model_config.proto
"""

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as pb

from trainer.errors import RepositoryDamaged
from trainer.formats import FORMATS, FormatName
from trainer.manifest import Manifest
from trainer.network import CLASSES, IMAGE_PX, INPUT_NAME, OUTPUT_NAME

WARM_UP_BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)
# The first two runs of a shape are the slow ones: libtorch profiles, then specialises.
WARM_UP_RUNS = 3
# What each of Triton's native backends calls things; the Python-based ones read the same names.
# More threads than cores makes an instance slower; parallel requests fill the cores.
PARAMETERS: dict[FormatName, dict[str, str]] = {
    "onnx": {"intra_op_thread_count": "1", "inter_op_thread_count": "1"},
    "torchscript": {
        "INTRA_OP_THREAD_COUNT": "1",
        # No autograd bookkeeping.
        "INFERENCE_MODE": "true",
        # The profiling executor specialises for each batch size it meets, in the middle of the load; the graph is
        # frozen and folded already, so there is nothing for it to win.
        "DISABLE_OPTIMIZED_EXECUTION": "true",
    },
}


def build_config(name: str, version: int, manifest: Manifest) -> str:
    """Return the text of ``config.pbtxt`` that serves ``version`` and no other.

    It follows from the version's manifest alone, so that going back brings back that version's own config: another
    version may be of another format.

    Args:
        name: The model.
        version: The version's folder.
        manifest: The version's record.
    """
    config = pb.ModelConfig(
        name=name,
        platform=FORMATS[manifest.format].platform,
        max_batch_size=manifest.max_batch_size,
        version_policy=pb.ModelVersionPolicy(specific=pb.ModelVersionPolicy.Specific(versions=[version])),
        input=[pb.ModelInput(name=INPUT_NAME, data_type=pb.TYPE_UINT8, dims=[1, IMAGE_PX, IMAGE_PX])],
        output=[pb.ModelOutput(name=OUTPUT_NAME, data_type=pb.TYPE_FP32, dims=[CLASSES])],
        dynamic_batching=pb.ModelDynamicBatching(),
        model_warmup=[_warm_up(size) for size in WARM_UP_BATCHES if size <= manifest.max_batch_size],
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
        raise RepositoryDamaged("config.pbtxt doesn't name exactly one version; `train` writes it anew")
    return int(versions[0])


def _warm_up(batch_size: int) -> pb.ModelWarmup:
    pixels = pb.ModelWarmup.Input(data_type=pb.TYPE_UINT8, dims=[1, IMAGE_PX, IMAGE_PX], random_data=True)
    return pb.ModelWarmup(
        name=f"batch-{batch_size}", batch_size=batch_size, count=WARM_UP_RUNS, inputs={INPUT_NAME: pixels}
    )


def _parse(text: str) -> pb.ModelConfig:
    try:
        return text_format.Parse(text, pb.ModelConfig())
    except text_format.ParseError as exc:
        raise RepositoryDamaged(f"config.pbtxt can't be parsed: {exc}; `train` writes it anew") from exc
