"""``python -m outcamp`` is the command ``outcamp``."""

import sys

from outcamp.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
