"""tugantel's library: from raw text to a language model.

It knows nothing of DVC and imports nothing from `stages`.
"""

import os

# For how many rounds of a loop threads that wait for each other keep a core busy (GNU's OpenMP).
# For ever is best on a machine with nothing else to do and ruinous beside another program: see
# docs/training.md. It must be set before torch is loaded.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
