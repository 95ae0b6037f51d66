"""status, halt and the screen without the command-line library: half of a blink's 0.3 s.

Only what is written plainly is read here; whatever else, help and mistakes included, is left
to the full command line, which knows the same commands.
"""

from collections.abc import Sequence
from pathlib import Path

TEXTS = {"status": {"--db", "--config"}, "halt": {"--db", "--config", "--reason"}}
RUN_TEXTS = {"--mode", "--strategy", "--preset", "--data", "--pace", "--db", "--config"}


def quick(arguments: Sequence[str]) -> int | None:
    """Run a command and return its exit code; None where the full command line must."""
    command = arguments[0]
    if command == "run":
        return _run(arguments[1:])
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


def _run(arguments: Sequence[str]) -> int | None:
    options = _options(arguments, RUN_TEXTS)
    if options is None or "--json" in options:
        return None
    from tui.commands.starting import start

    config = options.pop("--config", None)
    return start(options, config=None if config is None else Path(config))


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
