"""What browsers are told: what may run on a page, and whose pages may call."""

import base64
import hashlib
import re

import pytest
from pydantic import ValidationError

from api.settings import Settings
from tests.unit.api.fakes import as_base64, encoded, marked

BODY = {"image": as_base64(encoded(marked(1)))}


@pytest.mark.parametrize(
    "method,path", [("GET", "/"), ("GET", "/docs"), ("GET", "/openapi.json"), ("GET", "/nowhere"), ("POST", "/predict")]
)
async def test_no_answer_may_be_taken_for_something_else(client, method, path):
    response = await client.request(method, path, json=BODY)
    assert response.headers.get_list("x-content-type-options") == ["nosniff"]


async def test_a_refusal_and_a_bug_too(open_client, backend):
    async with open_client(Settings(keys="good")) as client:
        assert (await client.post("/predict", json=BODY)).headers["x-content-type-options"] == "nosniff"
    async with open_client(Settings()) as client:
        backend.error = RuntimeError("bug")
        bug = await client.post("/predict", json=BODY)
        assert (bug.status_code, bug.headers["x-content-type-options"]) == (500, "nosniff")


async def test_the_docs_come_whole_from_here_and_run_nothing_else(client):
    page = await client.get("/docs")
    policy = dict(part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert "unsafe" not in page.headers["content-security-policy"]
    assert "http" not in page.headers["content-security-policy"]
    (script,) = re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in policy["script-src"]
    links = re.findall(r"(?:src|href)=\"([^\"]+)\"", page.text)
    assert len(links) == 3
    for link in links:
        part = await client.get(f"/{link}")
        assert part.status_code == 200
        assert not part.headers["content-type"].startswith("text/html")
    assert (await client.get("/docs/__init__.py")).status_code == 404


async def test_the_description_names_keys_and_the_timeout(client):
    description = (await client.get("/openapi.json")).json()
    assert set(description["components"]["securitySchemes"]) == {"ApiKey", "Bearer"}
    for path, operations in description["paths"].items():
        for operation in operations.values():
            names = [parameter["name"] for parameter in operation.get("parameters", [])]
            is_guarded = path.startswith(("/predict", "/v2", "/jobs")) and not path.startswith("/v2/health")
            assert names.count("x-request-timeout-ms") == int(is_guarded)
            assert ("security" in operation) == is_guarded


async def test_other_origins_are_shut_out_by_default(client):
    headers = {"origin": "https://elsewhere.example", "access-control-request-method": "POST"}
    preflight = await client.options("/predict", headers=headers)
    answer = await client.post("/predict", json=BODY, headers={"origin": "https://elsewhere.example"})
    for response in (preflight, answer):
        assert not [name for name in response.headers if name.startswith("access-control-")]


async def test_an_origin_that_is_named_may_call_with_a_key(open_client):
    async with open_client(Settings(cors_origins="https://one.example, https://two.example", keys="good")) as client:
        preflight = await client.options(
            "/predict",
            headers={
                "origin": "https://two.example",
                "access-control-request-method": "POST",
                "access-control-request-headers": "x-api-key, content-type",
            },
        )
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == "https://two.example"
        refused = await client.post("/predict", json=BODY, headers={"origin": "https://two.example"})
        assert refused.status_code == 401
        assert refused.headers["access-control-allow-origin"] == "https://two.example", "the page has to read why"
        assert "x-request-id" in refused.headers["access-control-expose-headers"]
        other = await client.post("/predict", json=BODY, headers={"origin": "https://three.example"})
        assert "access-control-allow-origin" not in other.headers


@pytest.mark.parametrize("origin", ["example.org", "https://example.org/", "https://*.example.org", "null"])
def test_an_origin_that_is_none_is_refused(monkeypatch, origin):
    monkeypatch.setenv("API_CORS_ORIGINS", origin)
    with pytest.raises(ValidationError, match="cors_origins"):
        Settings()
