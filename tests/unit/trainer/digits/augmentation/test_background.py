import torch

from trainer.digits.augmentation import background
from trainer.digits.augmentation.line import lines, rules


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def test_residues_appear_on_a_part_of_the_images_and_erase_nothing() -> None:
    images = torch.zeros(300, 1, 28, 28)
    images[:, :, 10:18, 10:18] = 255
    changed = background.add_residues(images, generator())
    assert torch.equal(changed[:, :, 10:18, 10:18], images[:, :, 10:18, 10:18])
    share = float((changed != images).flatten(1).any(1).to(torch.float32).mean())
    assert 0.2 < share < 0.6


def test_noise_stays_within_the_grey_levels_and_leaves_half_clean() -> None:
    changed = background.add_noise(torch.zeros(300, 1, 28, 28), generator())
    assert float(changed.min()) == 0
    assert float(changed.max()) <= 120
    clean = float((changed == 0).flatten(1).all(1).to(torch.float32).mean())
    assert 0.4 < clean < 0.7


def test_lines_go_from_edge_to_edge_and_rules_do_not() -> None:
    images = torch.zeros(200, 1, 28, 28)
    whole, parts = lines(images, 1, 2, generator()), rules(images, generator())
    for drawn in (whole, parts):
        assert 0 <= float(drawn.min()) <= float(drawn.max()) <= 1
    # The sum is about length times width.
    assert 10 < float(whole.sum((1, 2, 3)).mean()) < 60
    assert float(parts.sum((1, 2, 3)).mean()) < float(whole.sum((1, 2, 3)).mean())
    assert len({tuple(one.flatten().tolist()) for one in whole}) == 200
