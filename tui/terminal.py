"""What the terminal needs before, and gets back after, the screen: no library of the screen here.

Before: refuse what is no terminal, set what the library reads when it is imported. After a
hang-up every write to the dead terminal fails, so descriptors are moved away from it first.
"""

import getpass
import os
import sys
import termios
from collections.abc import Mapping
from pathlib import Path


def unfit(environ: Mapping[str, str], *, stdin: bool, stdout: bool) -> str | None:
    """Return why there can be no screen here, None if there can be one."""
    if not stdin or not stdout:
        return f"standard {'output' if stdin else 'input'} is not a terminal, a screen needs one"
    term = environ.get("TERM", "")
    if term in ("", "dumb", "unknown"):
        return f"TERM is {term!r}, which cannot show a screen"
    return None


def needs_ascii(environ: Mapping[str, str], encoding: str) -> bool:
    """Say whether the terminal cannot show more than ASCII."""
    return "utf" not in encoding.lower() or environ.get("TERM") == "linux"


def prepare(environ: os._Environ[str]) -> None:
    """Set what the library reads on import; keep user settings that are there."""
    environ.setdefault("ESCDELAY", "100" if "SSH_CONNECTION" in environ else "25")


def is_gone() -> bool:
    """Say whether the terminal was taken away."""
    try:
        termios.tcgetattr(sys.__stdin__.fileno() if sys.__stdin__ else 0)
    except (termios.error, OSError, ValueError):
        return True
    return False


def let_go() -> None:
    """Move standard input, output and error to nowhere: the terminal is dead."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)


def write_to_log(path: Path) -> None:
    """Send standard output and error to the log file from now on."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError:
        return
    for descriptor in (1, 2):
        os.dup2(log, descriptor)
    os.close(log)


def actor() -> str:
    """Return who asks: user@host:terminal."""
    try:
        tty = os.ttyname(0).removeprefix("/dev/")
    except OSError:
        tty = "-"
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # no name for this number
        user = str(os.getuid())
    return f"{user}@{os.uname().nodename}:{tty}"
