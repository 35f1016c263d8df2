"""tugantel's library: from raw text to a language model.

It knows nothing of DVC and imports nothing from `stages`.
"""

import os

# How long threads that wait for each other keep a core busy (GNU's OpenMP, rounds of a loop). For ever
# is best on a machine with nothing else to do and ruinous beside another program; see docs/training.md.
# This must be set before torch is loaded.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
