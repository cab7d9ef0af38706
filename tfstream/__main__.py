"""``python -m tfstream``."""

from tfstream.cli.main import main

if __name__ == "__main__":
    main()
