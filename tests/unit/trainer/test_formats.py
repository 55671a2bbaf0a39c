import pytest

from trainer.formats import FORMATS, FormatName, choose_format


@pytest.mark.parametrize(("device", "name"), [("cpu", "onnx"), ("cuda", "torchscript")])
def test_the_device_decides_unless_somebody_else_does(device: str, name: FormatName) -> None:
    assert choose_format("auto", device) == name
    for chosen in FORMATS:
        assert choose_format(chosen, device) == chosen


def test_no_two_formats_share_a_file_or_a_platform() -> None:
    assert len({kind.file for kind in FORMATS.values()}) == len(FORMATS)
    assert len({kind.platform for kind in FORMATS.values()}) == len(FORMATS)
