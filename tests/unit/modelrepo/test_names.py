import pytest

from modelrepo import names


@pytest.mark.parametrize("name", ["mnist_cnn", "resnet-v1.5", "A", "9", "x" * 128])
def test_names_that_are_one_word_of_a_shell(name: str) -> None:
    assert names.is_valid(name)


@pytest.mark.parametrize("name", ["", "a b", "a/b", "..", ".a", "-a", "a;b", "$x", "a\n", "ä", "x" * 129])
def test_names_that_are_more_than_that(name: str) -> None:
    assert not names.is_valid(name)
