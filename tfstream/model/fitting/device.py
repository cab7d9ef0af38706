"""The device on which networks are trained.

Only the training of the network, most of a refit, moves to a GPU. Closed forms, calibration and scoring stay
on the CPU, so that a score does not depend on where its model was trained.
"""

from __future__ import annotations

import torch


def training_device() -> torch.device:
    """A GPU if torch finds a GPU that CUDA_VISIBLE_DEVICES does not hide; else the CPU.

    The same seed gives the same model on the same kind of device.
    """
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
