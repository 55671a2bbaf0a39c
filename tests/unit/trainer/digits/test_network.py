import torch

from trainer.digits.network import build_network, count_parameters


def test_raw_pixels_in_log_probabilities_out() -> None:
    network = build_network(1).eval()
    images_u8 = torch.randint(0, 256, (5, 1, 28, 28), dtype=torch.uint8)
    answer = network(images_u8)
    assert answer.shape == (5, 10)
    assert answer.dtype == torch.float32
    assert torch.allclose(answer.exp().sum(1), torch.ones(5), atol=1e-5)


def test_uint8_and_float_pixels_mean_the_same() -> None:
    network = build_network(1).eval()
    images_u8 = torch.randint(0, 256, (3, 1, 28, 28), dtype=torch.uint8)
    assert torch.equal(network(images_u8), network(images_u8.float()))


def test_it_is_small() -> None:
    assert count_parameters(build_network(1)) < 100_000


def test_the_seed_decides_the_weights_and_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    first, same, other = build_network(1), build_network(1), build_network(2)
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(first.classifier.weight, same.classifier.weight)
    assert not torch.equal(first.classifier.weight, other.classifier.weight)
