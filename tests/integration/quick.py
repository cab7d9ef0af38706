"""``tfstream`` whose fits take a tenth of the steps: for tests of what becomes of a model."""

from __future__ import annotations

import sys
from functools import partial

from tfstream.app.training import refit as refits
from tfstream.cli.main import main as tfstream
from tfstream.model.detector_config import DetectorConfig

_NAME = "DetectorConfig"
config = partial(DetectorConfig, steps=20)


def main() -> None:
    setattr(refits, _NAME, config)
    sys.argv[0] = "tfstream"
    tfstream()


if __name__ == "__main__":
    main()
