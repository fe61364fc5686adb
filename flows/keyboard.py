"""Single keys from a terminal, as they are pressed; the terminal is put back whatever happens."""

from __future__ import annotations

import codecs
import os
import re
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

ENTER, ESCAPE, BACKSPACE, INTERRUPT, END = "\n", "\x1b", "\x7f", "\x03", "\x04"

# ECMA-48, 5.4: a control sequence is ESC [, parameters, intermediates, one final; ESC O and one letter is a keypad's.
_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O[ -~]|[ -~])?|.", re.DOTALL)
_SAME = {"\r": ENTER, "\b": BACKSPACE}


def split_keys(typed: str) -> list[str]:
    r"""The keys in what a terminal sent: characters, and whole sequences of arrow and function keys.

    >>> split_keys("a\x1b[A\r")
    ['a', '\x1b[A', '\n']
    """
    return [_SAME.get(key, key) for key in _SEQUENCE.findall(typed)]


def is_there() -> bool:
    """Whether a person can press keys and see a page."""
    return sys.stdin.isatty() and sys.stdout.isatty()


if sys.platform == "win32":
    import msvcrt

    @contextmanager
    def keys() -> Iterator[Iterator[str]]:
        """Every key until the terminal goes away."""
        yield _windows_keys()

    def _windows_keys() -> Iterator[str]:
        while True:
            key = msvcrt.getwch()
            if key in "\x00\xe0":
                yield ESCAPE + msvcrt.getwch()
            elif key == INTERRUPT:
                raise KeyboardInterrupt
            else:
                yield _SAME.get(key, key)

else:
    import termios
    import tty

    @contextmanager
    def keys() -> Iterator[Iterator[str]]:
        """Every key until the terminal goes away. Ctrl-C interrupts as ever. For the main thread."""
        terminal = sys.stdin.fileno()
        before = termios.tcgetattr(terminal)
        # A signal between Python's last look for one and the wait for a key would wait for the next key; a byte in
        # this pipe ends the wait.
        woken, wake = os.pipe()
        os.set_blocking(wake, False)
        earlier = signal.set_wakeup_fd(wake)
        try:
            tty.setcbreak(terminal)
            yield _posix_keys(terminal, woken)
        finally:
            termios.tcsetattr(terminal, termios.TCSADRAIN, before)
            signal.set_wakeup_fd(earlier)
            os.close(woken)
            os.close(wake)

    def _posix_keys(terminal: int, woken: int) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        while True:
            ready, _, _ = select.select([terminal, woken], [], [])
            if woken in ready:
                os.read(woken, 64)
            if terminal not in ready:
                continue
            try:
                typed = os.read(terminal, 1024)
            except OSError:  # EIO: the terminal was closed
                return
            if not typed:
                return
            yield from split_keys(decoder.decode(typed))
