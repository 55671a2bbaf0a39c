"""Redis added to an api that runs: the file with its address comes, and the api takes jobs without a restart."""

import httpx

from tests.support.api_server import ApiServer
from tests.support.images import as_json, png
from tests.support.load import Load
from tests.support.process import wait_until
from tests.support.redis_server import RedisServer


def test_jobs_come_with_the_file_and_no_request_fails(run_dir, triton, trainer, images):
    file = run_dir / "redis-url"
    digit = png(images.images_u8[0, 0].numpy())
    with (
        RedisServer(run_dir / "redis-added", "secret") as redis,
        ApiServer(run_dir / "api-added", triton.grpc_url, API_REDIS_URL_FILE=str(file), API_WORKERS="2") as api,
    ):
        api.wait_ready()
        assert httpx.get(f"{api.url}/jobs").json()["error"]["code"] == "jobs_off"
        before = set(api.group())
        with Load(api.url, as_json(digit)) as load:
            file.with_suffix(".new").write_text(f"{redis.url}\n")
            file.with_suffix(".new").replace(file)
            wait_until(lambda: before & set(api.group()) == {api.pid}, 30, "new workers")
            answered = load.answers.total()
            wait_until(lambda: load.answers.total() > answered + 20, 20, "more answers")
        assert load.failures == []
        assert httpx.get(f"{api.url}/jobs").json() == {"jobs": []}
        after = set(api.group())
        # Once: what stays there changes nothing.
        file.touch()
        wait_until(lambda: httpx.get(f"{api.url}/health/ready").status_code == 200, 5, "an answer")
        assert set(api.group()) == after
