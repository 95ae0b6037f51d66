"""status and halt in a blink: without the command-line library, which takes half of their 0.3 s.

Only what is written plainly is read here; whatever else, help and mistakes included, is left
to the full command line, which knows the same two commands.
"""

from collections.abc import Sequence
from pathlib import Path

TEXTS = {"status": {"--db", "--config"}, "halt": {"--db", "--config", "--reason"}}


def quick(arguments: Sequence[str]) -> int | None:
    """Run status or halt and return the exit code; None where the full command line must."""
    command = arguments[0]
    options = _options(arguments[1:], TEXTS[command]) if command in TEXTS else None
    if options is None:
        return None
    as_json = options.pop("--json", None) is not None
    paths = [Path(options[name]) if name in options else None for name in ("--db", "--config")]
    from tui.commands.reading import database_of

    if command == "status":
        from tui.commands.standing import show

        show(database_of(*paths), as_json=as_json)
        return 0
    if "--reason" not in options:
        return None
    from tui.commands.asking import ask, exit_code, print_answers

    answer = ask(database_of(*paths), "HALT", options["--reason"], {})
    print_answers([answer], as_json=as_json)
    return exit_code(answer)


def _options(arguments: Sequence[str], texts: set[str]) -> dict[str, str] | None:
    """Return options with their texts, None if anything is not plain."""
    found: dict[str, str] = {}
    left = list(arguments)
    while left:
        name = left.pop(0)
        if name == "--json":
            found[name] = ""
        elif name in texts and left and not left[0].startswith("-"):
            found[name] = left.pop(0)
        else:
            return None
    return found
