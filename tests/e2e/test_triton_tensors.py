"""Every type and kind of shape through the Python-based backends, in the real server."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

from tests.support.onnx_models import (
    NUMPY_TYPES,
    publish_identities,
    publish_sum,
    publish_torch_identities,
    sum_config,
)
from tests.support.process import wait_until
from tests.support.triton_server import TritonServer

# TorchScript is deprecated, but it is what Triton's libtorch backend reads.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")

# What NumPy carries between ONNX Runtime and PyTorch; the other two take another way.
BY_NUMPY = [dtype for dtype in NUMPY_TYPES if dtype not in {"BF16", "UINT64"}]
ALL = list(NUMPY_TYPES)
BATCHED = {"onnx": ALL, "onnx_by_numpy": BY_NUMPY, "torch": ALL}
UNBATCHED = {"onnx_unbatched": ALL, "torch_unbatched": ALL}
CASES = [(model, dtype) for model, dtypes in BATCHED.items() for dtype in dtypes]
UNBATCHED_CASES = [(model, dtype) for model, dtypes in UNBATCHED.items() for dtype in dtypes]


def publish_all(repository: Path) -> None:
    publish_identities(repository, "onnx", ALL, batched=True)
    publish_identities(repository, "onnx_by_numpy", BY_NUMPY, batched=True)
    publish_torch_identities(repository, "torch", ALL, batched=True)
    publish_identities(repository, "onnx_unbatched", ALL, batched=False)
    publish_torch_identities(repository, "torch_unbatched", ALL, batched=False)
    publish_sum(repository, "scalars", [], sum_config(0, "data_type: TYPE_FP32 dims: [1]"))
    row = "data_type: TYPE_FP32 dims: [1] reshape { shape: [] }"
    publish_sum(repository, "row_scalars", ["rows"], sum_config(8, row))
    publish_sum(repository, "cubes", ["a", "b", "c"], sum_config(0, "data_type: TYPE_FP32 dims: [-1, -1, -1]"))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tensors")
    publish_all(folder / "model_repository")
    with TritonServer(folder / "model_repository", folder / "triton") as server:
        with InferenceServerClient(server.grpc_url) as client:
            for model in (*BATCHED, *UNBATCHED, "scalars", "row_scalars", "cubes"):
                wait_until(lambda model=model: client.is_model_ready(model), 60, model)
        yield server


@pytest.fixture
def client(server):
    with InferenceServerClient(server.grpc_url) as client:
        yield client


def tensor(name: str, dtype: str, array: np.ndarray) -> InferInput:
    given = InferInput(name, list(array.shape), dtype)
    if dtype == "BF16":
        given._raw_content = array.tobytes()  # tritonclient would take float32 only
    else:
        given.set_data_from_numpy(array)
    return given


def numbers(dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return values that use the type's range."""
    rng = np.random.default_rng(len(dtype) + sum(shape))
    itemsize = np.dtype(NUMPY_TYPES[dtype]).itemsize
    if dtype == "BOOL":
        return rng.integers(0, 2, shape).astype(np.bool_)
    if "INT" in dtype:
        return rng.integers(0, 256, (*shape, itemsize), dtype=np.uint8).view(NUMPY_TYPES[dtype]).reshape(shape)
    return rng.normal(size=shape).astype(NUMPY_TYPES[dtype])


def ask(client: InferenceServerClient, model: str, dtype: str, array: np.ndarray) -> tuple[str, list[int], bytes]:
    """Send ``array`` as one type and zeros as all others; return the type, the shape and the bytes of its output."""
    dtypes = {**BATCHED, **UNBATCHED}[model]
    zeros = {other: np.zeros(array.shape, NUMPY_TYPES[other]) for other in dtypes}
    given = [tensor(f"in_{other}", other, (zeros | {dtype: array})[other]) for other in dtypes]
    result = client.infer(model, given, outputs=[InferRequestedOutput(f"out_{dtype}")], client_timeout=30)
    response = result.get_response()
    (output,) = response.outputs
    return output.datatype, list(output.shape), b"".join(response.raw_output_contents)


@pytest.mark.parametrize("shape", [(2, 3), (1, 1), (2, 0)])
@pytest.mark.parametrize("model,dtype", CASES)
def test_rows_of_every_type(client, model, dtype, shape):
    array = numbers(dtype, shape)
    assert ask(client, model, dtype, array) == (dtype, list(shape), array.tobytes())


@pytest.mark.parametrize("shape", [(2, 3), (0, 3), (2, 0), (0, 0)])
@pytest.mark.parametrize("model,dtype", UNBATCHED_CASES)
def test_every_type_without_a_batch_dimension(client, model, dtype, shape):
    array = numbers(dtype, shape)
    assert ask(client, model, dtype, array) == (dtype, list(shape), array.tobytes())


@pytest.mark.parametrize("model", BATCHED)
def test_concurrent_requests_of_unlike_shapes_get_their_own_rows(client, model):
    arrays = [numbers("FP32", (1 + i % 3, 1 + i % 5)) for i in range(60)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda array: ask(client, model, "FP32", array), arrays))
    assert answers == [("FP32", list(array.shape), array.tobytes()) for array in arrays]


@pytest.mark.parametrize("model,shape", [("scalars", (1,)), ("row_scalars", (3, 1)), ("cubes", (2, 3, 4))])
def test_scalars_and_further_ranks(client, model, shape):
    left, right = numbers("FP32", shape), numbers("FP32", shape) + 1
    result = client.infer(model, [tensor("left", "FP32", left), tensor("right", "FP32", right)], client_timeout=30)
    assert result.as_numpy("total").tolist() == (left + right).tolist()


def test_all_outputs_are_returned_unless_some_are_requested(client):
    given = [tensor(f"in_{dtype}", dtype, numbers(dtype, (2, 3))) for dtype in ALL]
    result = client.infer("onnx", given, client_timeout=30)
    assert {output.name for output in result.get_response().outputs} == {f"out_{dtype}" for dtype in ALL}
    some = [InferRequestedOutput(name) for name in ("out_INT8", "out_FP16")]
    result = client.infer("onnx", given, outputs=some, client_timeout=30)
    assert {output.name for output in result.get_response().outputs} == {"out_INT8", "out_FP16"}
    with pytest.raises(InferenceServerException, match="unexpected inference output 'nothing'"):
        client.infer("onnx", given, outputs=[InferRequestedOutput("nothing")], client_timeout=30)


def test_an_error_fails_its_own_request_only(client):
    good = numbers("FP32", (2, 1, 2))

    def total(right: np.ndarray) -> object:
        try:
            given = [tensor("left", "FP32", good), tensor("right", "FP32", right)]
            return client.infer("cubes", given, client_timeout=30).as_numpy("total").tolist()
        except InferenceServerException as error:
            return error.message()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(total, [np.zeros((2, 1, 2 + i % 3 % 2 * 3), np.float32) for i in range(30)]))
    for i, answer in enumerate(answers):
        assert answer == good.tolist() if i % 3 != 1 else "the model failed" in answer
