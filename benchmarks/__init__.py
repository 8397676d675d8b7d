"""Every published figure has its command here: `python -m benchmarks NAME`."""

import os

# As Ray does for its actors, and before NumPy is imported: a second thread would spin while it
# waits for a core that others use, and its CPU seconds would count.
os.environ.setdefault("OMP_NUM_THREADS", "1")
