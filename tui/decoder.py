"""One byte of input that is not UTF-8 must not end the program."""

import codecs

from textual.drivers import linux_driver


def forgive_bad_bytes() -> None:
    """Let one byte that is not UTF-8 be a replacement character instead of the end."""

    def decoder(encoding: str) -> object:
        return lambda: codecs.getincrementaldecoder(encoding)(errors="replace")

    vars(linux_driver)["getincrementaldecoder"] = decoder
