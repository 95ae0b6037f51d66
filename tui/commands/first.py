"""The typed phrase before the first order of an account's life.

Real money begins to move once. Until an order of the account was sent from this database, each
start of mode live asks a person at a terminal; afterwards its three keys are enough.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.settings.model import Settings


def phrase(account: str) -> str:
    """Return what has to be typed."""
    return f"trade real money on {account}"


def ask_before_first_order(settings: "Settings", typed: Callable[[str], str] | None = None) -> None:
    """Ask for the phrase where no order was sent yet; SafetyRefusal if it is not typed.

    A dry run sends nothing and is not asked.
    """
    from engine.errors import SafetyRefusal

    account = settings.ibkr.account or ""
    if settings.run.dry_run or _has_sent(Path(settings.storage.path), f"live:{account}"):
        return
    wanted = phrase(account)
    if typed is None:
        if not sys.stdin.isatty():
            raise SafetyRefusal(
                f"--mode live is refused: before the first order of account {account} a person has "
                f"to type {wanted!r} at a terminal, and stdin is none; start it once by hand"
            )
        typed = _ask
    said = typed(f"The first order of account {account} will be sent. Type: {wanted}\n> ").strip()
    if said != wanted:
        raise SafetyRefusal(f"--mode live is refused: {said!r} was typed, {wanted!r} is needed")


def _ask(question: str) -> str:
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline()


def _has_sent(database: Path, book: str) -> bool:
    from storage.connect import reading
    from storage.queries.book import has_sent

    with reading(database) as connection:
        return connection is not None and has_sent(connection, book)
