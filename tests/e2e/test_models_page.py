"""The page of models, in a real Chromium, against the real api and Triton with two toy models."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from tests.support.api_server import ApiServer
from tests.support.drawing_page import PHONE
from tests.support.models_page import ModelsPage
from tests.support.toy_stack import ToyStack, toy_stack

ROW = {"inputs": [{"name": "given", "datatype": "UINT8", "shape": [1, 4], "data": [1, 2, 3, 4]}]}


@pytest.fixture(scope="module")
def stack(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ToyStack]:
    with toy_stack(tmp_path_factory.mktemp("models_page")) as running:
        yield running


@pytest.fixture
def open_models(browser: Browser, stack: ToyStack) -> Iterator[Callable[..., ModelsPage]]:
    opened: list[ModelsPage] = []

    def open_one(url: str = stack.api.url, **options: Any) -> ModelsPage:
        opened.append(ModelsPage(browser, url, **options))
        return opened[-1]

    yield open_one
    for page in opened:
        page.close()


def test_what_is_served_is_shown_with_its_tensors(open_models):
    page = open_models()
    expect(page["#summary"]).to_have_text("2 models served through NVIDIA Triton.")
    assert page["#models tbody th"].all_inner_texts() == ["echo", "turn_signs"]
    expect(page["#name"]).to_have_text("echo")
    page.row("turn_signs").get_by_role("link").click()
    expect(page["#name"]).to_have_text("turn_signs")
    expect(page["#name"]).to_be_focused()
    assert page["#inputs tbody td"].all_inner_texts() == ["given", "UINT8", "[−1, 4]"]
    assert page["#outputs tbody td"].all_inner_texts() == ["negative", "FP32", "[−1, 4]"]
    assert page.row("turn_signs").locator("td").first.inner_text() == "1"
    page.page.go_back()
    expect(page["#name"]).to_have_text("echo")


def test_the_pages_link_to_each_other(open_page):
    page = open_page()
    page.page.get_by_role("link", name="Models").click()
    expect(page["h1"]).to_have_text("Models")
    # Other tests may have loaded further models into the same Triton.
    expect(page["#models tbody th"].filter(has_text="mnist_cnn")).to_have_count(1)
    page.page.get_by_role("link", name="Start page").click()
    expect(page["h1"]).to_have_text("Draw a digit")


def test_a_tensor_is_sent_and_the_answer_or_the_protocols_error_shown(open_models):
    page = open_models(model="turn_signs")
    expect(page["#name"]).to_have_text("turn_signs")
    example = page["#request"].input_value()
    assert json.loads(example)["inputs"][0]["data"] == [0, 0, 0, 0]
    page["#request"].fill(json.dumps(ROW))
    page["#request"].press("Control+Enter")
    expect(page["#status"]).to_contain_text("200 OK")
    answer = json.loads(page["#body"].inner_text())
    assert answer["outputs"][0]["data"] == [-1, -2, -3, -4]

    page["#version"].select_option("1")
    assert page["#address"].inner_text().endswith("/v2/models/turn_signs/versions/1/infer")
    page["#send"].click()
    expect(page["#status"]).to_contain_text("200 OK")

    page["#request"].fill('{"inputs": [')
    page["#send"].click()
    expect(page["#status"]).to_contain_text("400 error")
    assert isinstance(json.loads(page["#body"].inner_text())["error"], str)
    page["#reset"].click()
    expect(page["#request"]).to_have_value(example)
    expect(page["#answer"]).to_be_hidden()


def test_large_numbers_come_back_exact(open_models):
    page = open_models(model="echo")
    expect(page["#name"]).to_have_text("echo")
    large = '{"inputs": [{"name": "given", "datatype": "INT64", "shape": [1, 1], "data": [9007199254740993]}]}'
    page["#request"].fill(large)
    page["#send"].click()
    expect(page["#body"]).to_contain_text("[9007199254740993]")


def test_the_load_of_a_model_is_shown(open_models, stack):
    page = open_models(model="turn_signs")
    row = page.row("turn_signs").locator(".number")
    expect(row.first).to_have_text("0", timeout=15_000)
    with httpx.Client(base_url=stack.api.url) as client:
        for _ in range(100):
            assert client.post("/v2/models/turn_signs/infer", json=ROW).status_code == 200
    expect(row.first).not_to_have_text("0", timeout=15_000)
    expect(row.last).to_contain_text(" ms")
    expect(page.row("echo").locator(".number").first).to_have_text("0")
    assert float(row.first.inner_text()) <= 50  # 100 in no less than a period


def test_a_key_is_asked_for_and_kept_in_this_tab_alone(open_models, stack, tmp_path):
    settings = {"API_TASKS": "none", "API_KEYS": "open-sesame", "API_METRICS_PUBLIC": "false", "API_WORKERS": "1"}
    with ApiServer(tmp_path, stack.triton.grpc_url, **settings) as api:
        page = open_models(api.url)
        expect(page["#trouble [role=alert]"]).to_contain_text("asks for an API key")
        expect(page["#models"]).to_be_hidden()
        page["#trouble input"].fill("wrong")
        page.page.keyboard.press("Enter")
        expect(page["#trouble [role=alert]"]).to_contain_text("doesn't know this API key")
        page["#trouble input"].fill("open-sesame")
        page.page.keyboard.press("Enter")
        expect(page["#name"]).to_have_text("echo")
        expect(page["#trouble"]).to_be_hidden()
        page["#send"].click()
        expect(page["#status"]).to_contain_text("200 OK")
        assert page.page.evaluate("localStorage.length + document.cookie.length") == 0
        page["#forget"].click()
        assert page.page.evaluate("sessionStorage.length") == 0
        page["#send"].click()
        expect(page["#trouble [role=alert]"]).to_contain_text("asks for an API key")


def test_a_server_that_is_away_is_told_and_found_again(open_models):
    page = open_models()
    expect(page["#name"]).to_have_text("echo")
    page.context.set_offline(True)
    page["#send"].click()
    expect(page["#trouble [role=alert]"]).to_contain_text("The server can't be reached")
    page.context.set_offline(False)
    page["#trouble .again"].click()
    expect(page["#trouble"]).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", ["desktop", "phone"])
def test_axe_finds_nothing_and_it_does_not_scroll_sideways(open_models, scheme, device):
    page = open_models(model="turn_signs", **(PHONE if device == "phone" else {}), color_scheme=scheme)
    expect(page["#name"]).to_have_text("turn_signs")
    page["#send"].click()
    expect(page["#status"]).to_contain_text("200 OK")
    page.page.evaluate(
        """document.querySelectorAll("#trouble, #trouble form, #trouble .again, #forget")
            .forEach(node => { node.hidden = false; })"""
    )
    found = Axe().run(page.page)
    assert found.violations_count == 0, found.generate_report()
    width = page.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1]


def test_the_keyboard_reaches_everything(open_models):
    page = open_models(model="echo")
    expect(page["#name"]).to_have_text("echo")
    reached = []
    for _ in range(10):
        page.page.keyboard.press("Tab")
        reached.append(page.page.evaluate("document.activeElement.id || document.activeElement.textContent"))
    assert reached[:4] == ["Start page", "Models", "echo", "turn_signs"]
    assert reached[4:] == ["request", "version", "send", "reset", "API documentation", "Metrics"]
