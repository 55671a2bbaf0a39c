"""Puts the rows of several requests together, and the answers apart."""

from collections.abc import Sequence

import torch


def group_by_shape(requests: Sequence[Sequence[torch.Tensor]]) -> list[list[int]]:
    """Return the requests' numbers in groups that can be concatenated.

    Args:
        requests: The inputs of each request, rows first, in the config's order.
    """
    groups: dict[tuple[tuple[torch.dtype, torch.Size], ...], list[int]] = {}
    for number, tensors in enumerate(requests):
        groups.setdefault(tuple((tensor.dtype, tensor.shape[1:]) for tensor in tensors), []).append(number)
    return list(groups.values())


def concatenate(requests: Sequence[Sequence[torch.Tensor]]) -> list[torch.Tensor]:
    """Return each input with the rows of all requests; a single request's tensors are returned without a copy."""
    if len(requests) == 1:
        return list(requests[0])
    return [torch.cat(column) for column in zip(*requests, strict=True)]


def split(name: str, answer: torch.Tensor, rows: Sequence[int]) -> Sequence[torch.Tensor]:
    """Return each request's part of an output, as views.

    Args:
        name: The output.
        answer: The output of a whole call.
        rows: The number of rows of each request.

    Raises:
        ValueError: The output doesn't have as many rows as the inputs.
    """
    if answer.dim() == 0 or answer.shape[0] != sum(rows):
        raise ValueError(
            f"output '{name}' has shape {list(answer.shape)} for {sum(rows)} rows of input: a model with a batch "
            "dimension returns one row for each; set max_batch_size to 0 otherwise"
        )
    return answer.split(list(rows)) if len(rows) > 1 else [answer]
