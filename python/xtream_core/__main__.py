"""`python -m xtream_core` is the command `xtream`."""

import sys

from ._program import main

if __name__ == "__main__":
    sys.exit(main())
