"""The threads at the terminal: one sleeps until there is a key, the other outlives the terminal.

The library's own looks ten times a second whether the program ends or an escape key was more
than the begin of a sequence, which was a tenth of what an idle screen costs, and an escape key
came up to 100 ms late. One byte of input that is not UTF-8 does not end the program.

When a terminal is gone there may be no signal that says so. The library then reads nothing a
thousand times a second, and its loop waits for ever for room in a queue that nobody empties.
"""

import codecs
import os
import selectors
from threading import Event
from typing import Any

from textual._time import get_time
from textual._xterm_parser import XTermParser
from textual.drivers import linux_driver
from textual.drivers._writer_thread import WriterThread
from textual.drivers.linux_driver import LinuxDriver

READ_BYTES = 4096


class Ending(Event):
    """An event that a thread can wait for together with a terminal."""

    def __init__(self) -> None:
        super().__init__()
        self.reader, self._writer = os.pipe()

    def set(self) -> None:
        """Wake up who waits."""
        super().set()
        os.write(self._writer, b"\0")

    def clear(self) -> None:
        """Take it back."""
        if self.is_set():
            os.read(self.reader, READ_BYTES)
        super().clear()


class Writer(WriterThread):
    """What is to be shown on a terminal that is gone goes nowhere; nobody waits for it."""

    def run(self) -> None:
        """Write until the end."""
        try:
            super().run()
        except (OSError, ValueError):
            while self._queue.get() is not None:
                pass


vars(linux_driver)["WriterThread"] = Writer


class Keyboard(LinuxDriver):
    """The library's driver of a terminal with a thread that does not look for nothing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.exit_event = self._ending = Ending()

    def run_input_thread(self) -> None:
        """Wait for input, for the rest of an escape sequence, and for the end."""
        parser = XTermParser(self._debug)
        decode = codecs.getincrementaldecoder("utf-8")(errors="replace").decode
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            selector.register(self._ending.reader, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                due = parser._timeout_time
                left = None if due is None else max(0.0, due - get_time())
                if any(key.fd == self.fileno for key, _ in selector.select(left)):
                    found = os.read(self.fileno, READ_BYTES)
                    if not found:
                        raise EOFError("the terminal is gone, told by a signal or not")
                    if text := decode(found):
                        for event in parser.feed(text):
                            self.process_message(event)
                for event in parser.tick():
                    self.process_message(event)
