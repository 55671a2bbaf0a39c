from modelrepo.checksum import sha256


def test_it_is_the_checksum_that_sha256sum_prints() -> None:
    assert sha256(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
