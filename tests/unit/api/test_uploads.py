import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.errors import InvalidImage
from api.routes.uploads import from_base64


@given(st.binary(min_size=1, max_size=200))
def test_every_spelling_of_base64_is_read(data):
    standard = base64.b64encode(data).decode()
    wrapped = base64.encodebytes(data).decode()
    for text in (
        standard,
        standard.rstrip("="),
        wrapped,
        base64.urlsafe_b64encode(data).decode(),
        base64.urlsafe_b64encode(data).decode().rstrip("="),
        f"data:image/png;base64,{standard}",
    ):
        assert from_base64(text) == data


@pytest.mark.parametrize("text", ["a", "!!!!", "AAAA=A", "ünïcode", "QUJD\x00", "===="])
def test_what_is_no_base64_is_refused(text):
    if text == "====":
        assert from_base64(text) == b""
        return
    with pytest.raises(InvalidImage, match="base64"):
        from_base64(text)
