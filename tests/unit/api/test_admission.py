"""Who is let in."""

import pytest
from fastapi.routing import APIRoute

from api.settings import Settings
from tests.unit.api.fakes import Connection, as_base64, encoded, marked

BODY = {"image": as_base64(encoded(marked(1)))}
ROUTES = [("POST", "/predict"), ("POST", "/predict/batch"), ("GET", "/predict-mnist"), ("POST", "/predict-mnist")]


def refusal(response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


@pytest.mark.parametrize("method,path", ROUTES)
async def test_every_prediction_asks_for_a_key(open_client, method, path):
    async with open_client(Settings(keys="good")) as client:
        assert refusal(await client.request(method, path, json=BODY)) == (401, "unauthorized")
        assert refusal(await client.request(method, path, headers={"x-api-key": "bad"})) == (401, "unauthorized")


PUBLIC = {
    "/", "/page/{name}", "/docs", "/docs/{name}", "/openapi.json", "/health/live", "/health/ready", "/metrics",
    "/v2/health/live", "/v2/health/ready",
}  # fmt: skip


async def test_every_route_that_is_not_declared_public_asks_for_a_key_counts_and_has_a_deadline(open_client):
    """Walks all routes of the app, whatever adds them: a new one is open only if it is named above."""
    async with open_client(Settings(keys="good", max_in_flight=1)) as client:
        app = client._transport.app
        routes = [(method, route.path) for route in app.routes for method in route.methods]
        assert {path for _, path in routes} > PUBLIC
        for method, path in routes:
            concrete = path.replace("{name}", "page.js" if path.startswith("/page") else "swagger-ui.css")
            answer = await client.request(method, concrete)
            assert (answer.status_code == 401) == (path not in PUBLIC), (method, path)
        app.state.limiter._slots[object()] = None  # the one place is taken
        for method, path in routes:
            answer = await client.request(method, path.replace("{name}", "page.js"), headers={"x-api-key": "good"})
            assert (answer.status_code == 503 and "retry-after" in answer.headers) == (path not in PUBLIC), (
                method,
                path,
            )
        app.state.limiter._slots.clear()


@pytest.mark.parametrize("path", ["/nowhere", "/predict/", "/health", "//health/live", "/page/a/b", "/metrics/x"])
async def test_a_path_without_a_route_is_guarded(open_client, path):
    async with open_client(Settings(keys="good")) as client:
        assert refusal(await client.get(path)) == (401, "unauthorized")


def test_a_route_that_is_added_later_is_guarded():
    from api.limits.access import Access, PublicRoute

    async def endpoint() -> None: ...

    public = PublicRoute("/open/{name}", endpoint)
    access = Access([public, APIRoute("/open/shut", endpoint)])
    assert not access.is_guarded("/open/anything")
    assert access.is_guarded("/open/shut")
    assert access.is_guarded("/later")


@pytest.mark.parametrize(
    "route,path",
    [
        ("/open/shut", "/open/shut\n"),  # a route's pattern matches before a line's end too
        ("/open/{name}/", "/open/x/"),
        ("/{kind}", "/open"),
        ("/open/{kind}", "/open/x"),
    ],
)
def test_a_path_that_a_public_and_a_guarded_route_match_is_guarded(route, path):
    from api.limits.access import Access, PublicRoute

    async def endpoint() -> None: ...

    public = [PublicRoute("/open", endpoint), PublicRoute("/open/{name}", endpoint)]
    guarded = APIRoute(route, endpoint)
    assert guarded.path_regex.match(path), "the router would call it"
    assert Access([*public, guarded]).is_guarded(path)
    assert not Access(public).is_guarded("/open/y")


@pytest.mark.parametrize(
    "headers",
    [
        {"x-api-key": "good"},
        {"authorization": "Bearer good"},
        {"authorization": "bearer good"},
        {"x-api-key": "good", "authorization": "Basic eDp5"},
    ],
)
async def test_a_good_key_is_let_in_either_way(open_client, headers):
    async with open_client(Settings(keys="other, good")) as client:
        assert (await client.post("/predict", json=BODY, headers=headers)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{"x-api-key": ""}, {"authorization": "good"}, {"authorization": "Basic good"}, {"authorization": "Bearer  good"}],
)
async def test_a_key_in_the_wrong_place_is_none(open_client, headers):
    async with open_client(Settings(keys="good")) as client:
        assert refusal(await client.post("/predict", json=BODY, headers=headers)) == (401, "unauthorized")


async def test_a_key_of_strange_bytes_is_only_wrong(backend):
    from api.app import create_app

    app = create_app(Settings(keys="good"), client=backend)
    connection = Connection(b"x")
    connection.scope["headers"].append((b"x-api-key", bytes(range(128, 256))))
    assert await connection.ask(app) == 401


async def test_health_is_open_and_the_metrics_by_choice(open_client):
    async with open_client(Settings(keys="good")) as client:
        for path in ("/health/live", "/health/ready", "/metrics", "/", "/docs", "/openapi.json"):
            assert (await client.get(path)).status_code == 200
    async with open_client(Settings(keys="good", metrics_public=False)) as client:
        assert refusal(await client.get("/metrics")) == (401, "unauthorized")
        assert (await client.get("/metrics", headers={"authorization": "Bearer good"})).status_code == 200
        assert (await client.get("/health/live")).status_code == 200


async def test_a_refusal_needs_no_body(open_client):
    async def never():
        raise AssertionError("the body was read")
        yield b""

    async with open_client(Settings(keys="good")) as client:
        assert (await client.post("/predict", content=never())).status_code == 401


async def test_a_client_that_asks_too_often_is_told_when_to_come_back(open_client):
    async with open_client(Settings(rate_limit=0.5, rate_burst=3)) as client:
        statuses = [(await client.post("/predict", json=BODY)).status_code for _ in range(3)]
        assert statuses == [200] * 3
        refused = await client.post("/predict", json=BODY)
        assert refusal(refused) == (429, "rate_limited")
        assert 1 <= int(refused.headers["retry-after"]) <= 6
        assert (await client.get("/health/live")).status_code == 200


async def test_a_key_has_its_own_rate_and_guessing_one_is_limited_too(open_client):
    async with open_client(Settings(keys="one, two", rate_limit=0.5, rate_burst=2)) as client:
        for key in ("one", "two"):
            got = [(await client.post("/predict", json=BODY, headers={"x-api-key": key})).status_code for _ in range(3)]
            assert got == [200, 200, 429]
        guesses = [
            (await client.post("/predict", json=BODY, headers={"x-api-key": f"guess-{i}"})).status_code
            for i in range(4)
        ]
        assert guesses == [401, 401, 429, 429]


async def test_without_a_rate_nobody_is_counted(open_client):
    async with open_client(Settings()) as client:
        assert {(await client.post("/predict", json=BODY)).status_code for _ in range(50)} == {200}
