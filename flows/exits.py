"""Exit statuses of the command line; 0 is done, and 2, wrong usage, is the parser's own."""

EXIT_FAILED = 1
"""Could not be done; one line says why."""
EXIT_NOTHING_REACHED = 3
"""No feed could be reached."""
EXIT_INTERRUPTED = 130
