from modelrepo.formats import FORMATS


def test_no_two_formats_share_a_file_or_a_platform() -> None:
    assert len({kind.file for kind in FORMATS.values()}) == len(FORMATS)
    assert len({kind.platform for kind in FORMATS.values()}) == len(FORMATS)
