"""`python -m spikeloop` is the command `spikeloop`."""

import sys

from .cli import main

sys.exit(main())
