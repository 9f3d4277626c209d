"""`python -m foretext`: the command line."""

import sys

from foretext.cli import main

if __name__ == "__main__":
    sys.exit(main())
