"""Run the training command; a file, because the launcher of DDP starts it a second time."""

import sys

from blindsr.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
