"""The files of the page of models as a browser gets them, and its scripts' arithmetic in Node."""

import json
import re
import subprocess
from importlib.resources import files
from typing import Any

import pytest

from api.settings import Settings
from tests.support.node import find_node
from tests.support.page_files import PageFiles

PAGE = PageFiles(files("api.routes.models_page") / "page", "models")
PATHS = ["/models", *PAGE.paths]

METRICS = """# HELP api_inferences_total Requests
api_inferences_total{{model="a \\"b\\"",version="1"}} {first}
api_inferences_total{{model="a \\"b\\"",version="2"}} {second}
api_inference_duration_seconds_bucket{{le="0.01",model="a \\"b\\"",version="1"}} {first}
api_inference_duration_seconds_bucket{{le="0.1",model="a \\"b\\"",version="1"}} {both}
api_inference_duration_seconds_bucket{{le="+Inf",model="a \\"b\\"",version="1"}} {both}
api_requests_total{{method="POST",route="/predict",status="200"}} 7
"""


@pytest.mark.parametrize("path", PATHS)
async def test_each_file_is_served_under_a_strict_policy(client, path):
    response = await client.get(path)
    assert response.status_code == 200
    assert response.content == PAGE.files[path.rpartition("/")[2] if "." in path else "index.html"].read_bytes()
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "require-trusted-types-for 'script'" in policy
    assert "unsafe" not in policy
    assert response.headers["x-content-type-options"] == "nosniff"
    assert (await client.get(path, headers={"if-none-match": response.headers["etag"]})).status_code == 304
    head = await client.head(path)
    assert head.headers["content-length"] == str(len(response.content))


@pytest.mark.parametrize("name", ["nothing.js", "..%2fapp.py", "__init__.py", "index"])
async def test_nothing_else_is_served(client, name):
    assert (await client.get(f"/models/{name}")).status_code == 404


def test_the_page_names_its_own_files_and_all_of_them():
    assert PAGE.named() == PAGE.all()


async def test_the_start_is_the_page_of_models_where_no_task_has_a_page(open_client):
    async with open_client(Settings(tasks="none")) as client:
        answer = await client.get("/")
    assert (answer.status_code, answer.headers["location"]) == (307, "models")


def in_node(script: str, **values: Any) -> Any:
    """Return the JSON that an expression of the page's modules comes to."""
    node = find_node()
    lines = [f"const {name} = {json.dumps(value)};" for name, value in values.items()]
    for module in ("load", "tensors"):
        source = PAGE.files[f"{module}.js"].read_text(encoding="utf-8")
        lines.append(re.sub(r"^export ", "", source, flags=re.MULTILINE))
    code = "\n".join([*lines, f"console.log(JSON.stringify({script}));"])
    done = subprocess.run([node, "--input-type=module", "-"], input=code, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_rate_and_p99_are_the_difference_of_two_readings():
    before, after = METRICS.format(first=10, second=5, both=15), METRICS.format(first=30, second=25, both=55)
    found = in_node(
        """(() => {
            const load = new Load();
            load.add(countersIn(before), 1000);
            const early = load.of('a "b"');
            load.add(countersIn(after), 5000);
            return { early, late: load.of('a "b"'), unknown: load.of("b") };
        })()""",
        before=before,
        after=after,
    )
    assert found["early"] == {"rate": None, "p99": None}
    assert found["late"]["rate"] == 10  # 40 in 4 s
    # 40 calls, 20 of them up to 10 ms, all up to 100 ms: the 39.6th lies at 10 + 90 × 19.6/20 ms.
    assert found["late"]["p99"] == pytest.approx(0.0982)
    assert found["unknown"] == {"rate": 0, "p99": None}


def test_an_api_that_was_started_again_gives_no_negative_rate():
    script = """(() => {
        const load = new Load();
        load.add(countersIn(before), 0);
        load.add(countersIn(after), 2000);
        return load.of('a "b"');
    })()"""
    before, after = METRICS.format(first=30, second=25, both=55), METRICS.format(first=1, second=0, both=1)
    assert in_node(script, before=before, after=after) == {"rate": None, "p99": None}


def test_the_example_fits_the_model_and_leaves_long_data_out():
    metadata = {
        "inputs": [
            {"name": "ids", "datatype": "INT64", "shape": [-1, 3]},
            {"name": "image", "datatype": "FP32", "shape": [-1, 3, 224, 224]},
            {"name": "text", "datatype": "BYTES", "shape": [1]},
            {"name": "flag", "datatype": "BOOL", "shape": []},
        ]
    }
    found = in_node("[exampleOf(metadata), completed(exampleOf(metadata))]", metadata=metadata)
    ids, image, text, flag = json.loads(found[0])["inputs"]
    assert ids == {"name": "ids", "datatype": "INT64", "shape": [1, 3], "data": [0, 0, 0]}
    assert image == {"name": "image", "datatype": "FP32", "shape": [1, 3, 224, 224]}
    assert (text["data"], flag["data"]) == (["text"], [False])
    assert json.loads(found[1])["inputs"][1]["data"] == [0] * (3 * 224 * 224)


@pytest.mark.parametrize(
    "text", ['{"inputs":[{"data":[9007199254740993, 1e-7]}]}', "no JSON {", '{"inputs": 3}', '{"inputs": [null]}']
)
def test_a_complete_request_is_sent_as_it_was_written(text):
    assert in_node("completed(text)", text=text) == text


@pytest.mark.parametrize(
    "value", [{}, [], {"a": [1, [2, 3]], "b": [{"c": '[{,"\\'}, {}], "d": []}, 12345678901234567890, "text", None]
)
def test_the_readable_form_means_the_same(value):
    text = json.dumps(value)
    assert json.loads(in_node("pretty(text)", text=text)) == value


def test_the_readable_form_keeps_lists_in_one_line_and_large_numbers_exact():
    text = '{"outputs":[{"name":"y","shape":[1,2],"data":[9007199254740993,0.10]}]}'
    assert in_node("pretty(text)", text=text).splitlines() == [
        "{",
        '  "outputs": [',
        "    {",
        '      "name": "y",',
        '      "shape": [1, 2],',
        '      "data": [9007199254740993, 0.10]',
        "    }",
        "  ]",
        "}",
    ]
