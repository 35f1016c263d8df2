"""tugantel's library: from raw text to a language model.

It knows nothing of DVC and imports nothing from `stages`.
"""

import os

# Threads that wait for each other by spinning slow everything down as soon as another program runs
# beside them: by a factor of four with two busy cores. This must be set before torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
