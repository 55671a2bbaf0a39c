"""The trace of a job: from the request through the queue into Triton."""

import secrets

import httpx

from tests.support.api_server import ApiServer
from tests.support.images import png
from tests.support.job_worker import JobWorker
from tests.support.otlp_receiver import OtlpReceiver
from tests.support.process import wait_until
from tests.support.redis_server import RedisServer
from tests.support.triton_server import TritonServer


def test_a_job_s_trace_goes_from_the_request_through_the_queue_into_triton(tmp_path, trainer, images):
    trace_id, span_id = secrets.token_hex(16), secrets.token_hex(8)
    with OtlpReceiver() as receiver, RedisServer(tmp_path / "redis") as redis:
        quick = {"OTEL_BSP_SCHEDULE_DELAY": "100", "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}
        settings = quick | {"API_REDIS_URL": redis.url, "API_WORKERS": "1"}
        with (
            TritonServer(trainer.repository, tmp_path / "triton", **quick) as triton,
            ApiServer(tmp_path / "api", triton.grpc_url, **settings) as api,
            JobWorker(tmp_path / "worker", redis.url, triton.grpc_url, **quick),
        ):
            api.wait_ready()
            answer = httpx.post(
                f"{api.url}/jobs/digits",
                files=[("file", ("1.png", png(images.images_u8[0, 0].numpy())))],
                headers={"traceparent": f"00-{trace_id}-{span_id}-01"},
                timeout=30,
            )
            assert answer.status_code == 202, answer.text

            def spans():
                return {span.name: span for span in list(receiver.spans) if span.trace_id == trace_id}

            wanted = {"POST /jobs/digits", "job chunk", "triton", "compute"}
            wait_until(lambda: wanted <= set(spans()), 20, f"{wanted}")
            found = spans()
    assert found["POST /jobs/digits"].parent_id == span_id
    assert found["job chunk"].parent_id == found["POST /jobs/digits"].span_id
    assert found["triton"].parent_id == found["job chunk"].span_id
    assert [found[name].service for name in ("POST /jobs/digits", "job chunk", "compute")] == [
        "api",
        "worker",
        "triton",
    ]
    assert found["job chunk"].attributes["api.job"] == answer.json()["id"]
