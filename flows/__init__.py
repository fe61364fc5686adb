"""The steps as Prefect flows and as the command line `ricwatch`; the only room that imports Prefect."""

import atexit
import gc

# Nothing that is loaded at a start is garbage: looking for some after every 700 objects takes a tenth of that time.
gc.set_threshold(20_000, 20, 20)

# Nor does it matter any more at the end, when a process looks through its 300,000 objects several times: a second of a
# run, two of the server (measured). What is frozen is left to the system.
atexit.register(gc.freeze)
