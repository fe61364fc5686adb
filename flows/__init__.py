"""The steps as Prefect flows and as the command line `ricwatch`; the only room that imports Prefect."""

import gc

# Nothing that is loaded at a start is garbage: looking for some after every 700 objects takes a tenth of that time.
gc.set_threshold(20_000, 20, 20)
