"""Triton goes away and comes back."""

import httpx

from tests.support.images import as_json, png
from tests.support.process import answers, wait_until


def test_without_triton_it_says_so_and_with_it_serves_again(api, triton, client, images):
    body = as_json(png(images.images_u8[0, 0].numpy()))
    assert client.post("/predict", json=body).status_code == 200

    triton.stop()
    try:
        wait_until(lambda: client.get("/health/ready").status_code == 503, 5, "unready")
        refused = client.post("/predict", json=body)
        assert refused.status_code == 503
        assert refused.json()["error"]["code"] == "triton_unavailable"
        assert refused.headers["retry-after"] == "1"
        assert client.get("/health/live").status_code == 200
    finally:
        triton.start()

    wait_until(lambda: answers(f"{api.url}/health/ready"), 10, "ready again")
    # Each worker finds Triton by itself: after its next look every one of them answers.
    wait_until(lambda: all_workers_answer(api.url, body), 3, "every worker")


def all_workers_answer(url: str, body: dict[str, str]) -> bool:
    """Ask on new connections, so that both workers get some."""
    return all(httpx.post(f"{url}/predict", json=body, timeout=10).status_code == 200 for _ in range(12))


def test_a_deadline_is_kept(run_dir, triton, images):
    """A hung Triton (stopped, its connection still open) costs the caller the deadline and no more."""
    import os
    import signal

    from tests.support.api_server import ApiServer

    body = as_json(png(images.images_u8[0, 0].numpy()))
    settings = {"API_WORKERS": "1", "API_DEADLINE_S": "0.5", "API_READY_DEADLINE_S": "0.5"}
    with ApiServer(run_dir / "api-deadline", triton.grpc_url, **settings) as api:
        api.wait_ready()
        os.kill(triton.pid, signal.SIGSTOP)
        try:
            answer = httpx.post(f"{api.url}/predict", json=body, timeout=10)
        finally:
            os.kill(triton.pid, signal.SIGCONT)
        assert answer.status_code == 504
        assert answer.json()["error"]["code"] == "deadline_exceeded"
        assert answer.elapsed.total_seconds() < 2
        api.wait_ready()
