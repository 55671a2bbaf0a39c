import pytest

from loadgen.host import base_url


@pytest.mark.parametrize(
    "text,url",
    [
        ("http://api:8888", "http://api:8888"),
        ("http://api:8888/", "http://api:8888"),
        ("http://api:8888//", "http://api:8888"),
        ("https://api/behind/a/proxy/", "https://api/behind/a/proxy"),
        ("localhost:8888", "http://localhost:8888"),
        ("localhost", "http://localhost"),
        (" 127.0.0.1:8888 ", "http://127.0.0.1:8888"),
        ("[::1]:8888", "http://[::1]:8888"),
        ("HTTP://Api:1", "HTTP://Api:1"),
    ],
)
def test_what_people_type_becomes_what_requests_need(text, url):
    assert base_url(text) == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "http://",
        "ftp://api",
        "htp:/api",
        "http:/api",
        "http://api:port",
        "http://[::1",
        "a b",
        "api?x",
        "api#x",
    ],
)
def test_what_is_no_address_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match=r"isn't the address of an api; write it as http://127\.0\.0\.1:8888"):
        base_url(text)
