"""Asks the api with KServe's own client: ``PYTHON kserve_client.py http://HOST:PORT``, in an environment that has it.

``kserve`` pins libraries that the stack has in other versions, so that it needs a virtual environment of its own.
"""

import asyncio
import sys

import httpx
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput

VALUES = np.array([[0.5, -1.5, 3e30]], np.float32)


async def run(url: str) -> None:
    client = InferenceRESTClient(RESTConfig(protocol="v2", timeout=30))
    for binary in (False, True):
        tensor = InferInput("given", list(VALUES.shape), "FP32")
        tensor.set_data_from_numpy(VALUES, binary_data=binary)
        wanted = RequestedOutput("same", parameters={"binary_data": binary})
        request = InferRequest("same_fp32", [tensor], request_id="mine", request_outputs=[wanted])
        answer = await client.infer(url, request, model_name="same_fp32")
        assert (answer.id, answer.model_name) == ("mine", "same_fp32"), answer
        np.testing.assert_array_equal(answer.outputs[0].as_numpy(), VALUES)
    assert await client.is_server_ready(url)
    assert await client.is_server_live(url)
    assert await client.is_model_ready(url, "same_fp32")
    try:
        await client.infer(url, {"inputs": []}, model_name="nope")
    except httpx.HTTPStatusError as error:
        assert error.response.status_code == 404
        assert "unknown model" in str(error)
    else:
        raise AssertionError("an unknown model was answered")


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1]))
