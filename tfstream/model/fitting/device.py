"""Where networks are trained.

Only the training of the network moves to a GPU: it is most of a refit. Closed forms, calibration and scoring
stay on the processor that scores, so that a score does not depend on where its model was trained.
"""

from __future__ import annotations

import torch


def training_device() -> torch.device:
    """A GPU where torch finds one that CUDA_VISIBLE_DEVICES does not hide; else the processor.

    The same seed gives the same model on the same kind of device.
    """
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
