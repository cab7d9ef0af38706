"""``tfstream`` with a tenth of the training steps, for tests that need a model but not a good model."""

from __future__ import annotations

import sys

from tfstream.cli.main import main as tfstream
from tfstream.model.detector_config import DetectorConfig

CONFIG = DetectorConfig(steps=20)


def main() -> None:
    sys.argv[0] = "tfstream"
    tfstream(CONFIG)


if __name__ == "__main__":
    main()
