"""The page's files as a browser gets them."""

from importlib.resources import files

import pytest

from tests.support.page_files import PageFiles

PAGE = PageFiles(files("api.tasks.digits") / "page", "page")
PATHS = ["/", *PAGE.paths]


@pytest.mark.parametrize("path", PATHS)
async def test_each_file_is_served_whole_guarded_and_with_its_type(client, path):
    response = await client.get(path)
    assert response.status_code == 200
    assert response.content == PAGE.files[path.rpartition("/")[2] or "index.html"].read_bytes()
    media = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
    assert response.headers["content-type"].startswith(media[path.rpartition(".")[2] if "." in path else "html"])
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", PATHS)
async def test_a_browser_that_has_the_file_gets_304(client, path):
    first = await client.get(path)
    etag = first.headers["etag"]
    assert first.headers["cache-control"] == "no-cache"
    for known in (etag, f"W/{etag}", f'"older", {etag}', "*"):
        again = await client.get(path, headers={"if-none-match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == etag
    assert (await client.get(path, headers={"if-none-match": '"older"'})).status_code == 200
    head = await client.head(path)
    assert head.headers["content-length"] == str(len(first.content))


@pytest.mark.parametrize("name", ["nothing.js", "..%2fapp.py", "%2e%2e/app.py", "index", "__init__.py"])
async def test_nothing_else_is_served(client, name):
    assert (await client.get(f"/page/{name}")).status_code == 404


def test_the_page_names_its_own_files_and_all_of_them():
    assert PAGE.named() == PAGE.all()
