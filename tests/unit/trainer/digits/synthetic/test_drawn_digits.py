import numpy as np
import pytest
import torch

from trainer.digits.data import Images
from trainer.digits.synthetic.canvas import Pen, draw
from trainer.digits.synthetic.european import add_bar, add_flag, european_digits, is_upright
from trainer.digits.synthetic.skeletons import DIGITS, SIGNS
from trainer.digits.synthetic.typed import typed_digits

PEN = Pen(width=0.1, aspect=0.6, slant=0.0, wobble=0.0)


def stem() -> torch.Tensor:
    image_u8 = torch.zeros(28, 28, dtype=torch.uint8)
    image_u8[4:24, 13:15] = 255
    return image_u8


def test_every_form_fills_mnists_box() -> None:
    random = np.random.default_rng(1)
    for form in [*(form for forms in DIGITS.values() for form in forms), *SIGNS]:
        image_u8 = draw(form, PEN, random)
        rows, columns = (image_u8 > 0).nonzero(as_tuple=True)
        sides = int(rows.max() - rows.min()) + 1, int(columns.max() - columns.min()) + 1
        assert max(sides) in {19, 20}
        assert int(image_u8.max()) == 255


def test_a_wider_pen_leaves_more_ink_and_a_slant_moves_the_top() -> None:
    random = np.random.default_rng(1)
    thin, wide = (draw(DIGITS[7][0], Pen(width, 0.6, 0.0, 0.0), random) for width in (0.06, 0.2))
    assert int((wide > 100).sum()) > 1.5 * int((thin > 100).sum())
    leaning = draw(DIGITS[1][0], Pen(0.08, 0.6, 0.4, 0.0), random)
    top, bottom = ((leaning[row] > 100).nonzero().float().mean() for row in (7, 20))
    assert float(top) > float(bottom) + 3


def test_typed_digits_are_evenly_many_and_all_different() -> None:
    images = typed_digits(100, np.random.default_rng(1))
    assert images.labels.bincount().tolist() == [10] * 10
    assert images.images_u8.shape == (100, 1, 28, 28)
    assert len({tuple(one.flatten().tolist()) for one in images.images_u8}) > 95
    same = typed_digits(100, np.random.default_rng(1))
    assert torch.equal(images.images_u8, same.images_u8)


@pytest.mark.parametrize("seed", range(5))
def test_a_flag_falls_to_the_left_of_the_top(seed: int) -> None:
    flagged = add_flag(stem(), np.random.default_rng(seed)).float()
    columns = (flagged[4:14] > 100).nonzero()[:, 1]
    lower = (flagged[15:20] > 100).nonzero()[:, 1]
    assert int(lower.min()) - int(columns.min()) >= 2
    assert int(columns.max()) <= int(lower.max()) + 1


def test_a_bar_crosses_the_stem() -> None:
    crossed = add_bar(stem(), np.random.default_rng(1)) > 100
    widths = crossed.sum(1)
    assert int(widths.max()) >= 6
    assert int(widths[:8].max()) <= 3


def test_half_are_flagged_1s_half_crossed_7s_from_upright_1s() -> None:
    lying = torch.zeros(28, 28, dtype=torch.uint8)
    lying[13:15, 4:24] = 255
    images = Images(torch.stack([stem(), lying, stem()]).unsqueeze(1), torch.tensor([1, 1, 7]))
    assert is_upright(images.images_u8).tolist() == [True, False, True]
    made = european_digits(images, 10, np.random.default_rng(1))
    assert made.labels.tolist() == [1] * 5 + [7] * 5


def test_without_1s_and_7s_there_are_none() -> None:
    images = Images(stem().expand(3, 1, 28, 28), torch.tensor([0, 2, 3]))
    assert len(european_digits(images, 10, np.random.default_rng(1))) == 0
