import numpy as np
import pytest
import torch

from bench import digit_sets, digits
from trainer.digits.data import NO_DIGIT, Images
from trainer.settings import Settings


class Always(torch.nn.Module):
    """Answers every image with digit 3 at 0.82, the others at 0.02."""

    def forward(self, images_u8: torch.Tensor) -> torch.Tensor:
        row = torch.full((10,), 0.02)
        row[3] = 0.82
        return row.log().expand(len(images_u8), 10)


def images(*labels: int) -> Images:
    return Images(torch.zeros(len(labels), 1, 28, 28, dtype=torch.uint8), torch.tensor(labels))


def test_a_row_of_digits_has_accuracy_calibration_error_and_confidence() -> None:
    row = digits.digits_row(Always(), digit_sets.DigitSet("some", images(3, 3, 3, 4)))
    assert row == "| some | 4 | 75.00 % | 0.0700 | 0.820 |"


def test_a_row_of_other_shapes_has_the_shares_of_high_confidence() -> None:
    row = digits.others_row(Always(), digit_sets.DigitSet("letters", images(NO_DIGIT, NO_DIGIT)))
    assert row == "| letters | 2 | 0.82 | 0.82 | 100.0 % | 0.0 % |"


def test_both_tables_are_printed() -> None:
    sets = [digit_sets.DigitSet("some", images(3)), digit_sets.DigitSet("letters", images(NO_DIGIT))]
    lines = digits.report(Always(), sets).splitlines()
    assert [line.split("|")[1].strip() for line in lines if line] == [
        "digits",
        "---",
        "some",
        "no digits",
        "---",
        "letters",
    ]


def test_opencv_draws_every_digit_and_letter_differently() -> None:
    drawn = [digit_sets.opencv_glyphs(character)[0] for character in "0123456789" + digit_sets.LETTERS]
    assert len({tuple(image.flatten().tolist()) for image in drawn}) == len(drawn)
    assert min(int((image > 100).sum()) for image in drawn) > 10


def test_pieces_of_photographs_are_in_mnists_format() -> None:
    found = digit_sets.pieces(np.random.default_rng(1))
    assert len(found) > 400
    assert {image.shape for image in found} == {(28, 28)}


def test_without_a_model_or_with_another_file_it_says_so(tmp_path) -> None:
    settings = Settings(model_repository=tmp_path)
    with pytest.raises(SystemExit, match="make train"):
        digits.read(None, settings)
    with pytest.raises(SystemExit, match=r"neither model\.onnx nor model\.pt"):
        digits.read(tmp_path / "model.txt", settings)
