"""`python -m chanjiao`."""

import sys

from chanjiao.cli import main

if __name__ == "__main__":
    sys.exit(main())
