"""Stage 3, TRAIN: weights and an optimiser's moments as plain arrays, and back."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch


def pack_state(
    parameters: Mapping[str, torch.nn.Parameter], optimizer: torch.optim.Optimizer
) -> dict[str, np.ndarray]:
    """Copies of the weights (``net.<name>``) and moments (``adam.<name>.<key>``)."""
    arrays: dict[str, np.ndarray] = {}
    for name, parameter in parameters.items():
        arrays[f"net.{name}"] = parameter.detach().numpy().copy()
        for key, value in optimizer.state.get(parameter, {}).items():
            arrays[f"adam.{name}.{key}"] = value.numpy().copy()
    return arrays


def take_up_state(
    parameters: Mapping[str, torch.nn.Parameter],
    optimizer: torch.optim.Optimizer,
    arrays: Mapping[str, np.ndarray],
) -> None:
    """Set weights and moments to what ``pack_state`` wrote."""
    for name, parameter in parameters.items():
        with torch.no_grad():
            parameter.copy_(torch.from_numpy(np.array(arrays[f"net.{name}"])))
        prefix = f"adam.{name}."
        moments = {
            key.removeprefix(prefix): torch.from_numpy(np.array(value))
            for key, value in arrays.items()
            if key.startswith(prefix)
        }
        if moments:
            optimizer.state[parameter] = moments
