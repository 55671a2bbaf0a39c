"""Triton with two small models that nobody trained, and an api without tasks in front of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from onnx import TensorProto

from tests.support import protocol_models, toy_models
from tests.support.api_server import ApiServer
from tests.support.triton_server import TritonServer


class ToyStack(NamedTuple):
    """What runs: ``turn_signs`` (UINT8 rows of four to FP32) and ``echo`` (INT64 rows of any width)."""

    triton: TritonServer
    api: ApiServer


@contextmanager
def toy_stack(folder: Path) -> Iterator[ToyStack]:
    """Start both, and end them with the block."""
    repository = folder / "model_repository"
    repository.mkdir()
    toy_models.publish_onnx(repository, "turn_signs")
    protocol_models.publish_identity(repository, "echo", "INT64", TensorProto.INT64)
    with (
        TritonServer(repository, folder / "triton") as triton,
        ApiServer(folder / "api", triton.grpc_url, API_TASKS="none") as api,
    ):
        api.wait_ready()
        yield ToyStack(triton, api)
