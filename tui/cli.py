"""The command line: `pilothouse COMMAND`, `python -m tui COMMAND`.

What a command needs is imported when it runs, so that `status`, `halt` and `--help` answer in
a blink. Exit codes are product.md's: 0 done, 1 unexpected failure, 2 usage or configuration,
3 refused by a safety rule, 4 broker unreachable, 5 database, 6 another engine is running,
7 finished with findings.
"""

import gc
import os
import sys
from collections.abc import Sequence

from engine.errors import EngineError, SettingsError
from tui.commands.output import ReaderLeft, prepare_streams
from tui.commands.quick import quick

UNEXPECTED = 1
INTERRUPTED = 130
COLLECT = (500_000, 20, 50)
"""When the collector looks: what a start makes is there to stay, and walking it again and again
was a tenth of it. An engine sets what suits its loop, a screen what suits it."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and leave with its exit code."""
    gc.set_threshold(*COLLECT)
    prepare_streams()
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")  # looking for them takes 10 ms
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run a command; return its exit code. No traceback reaches the user."""
    given = list(arguments)
    if not given or (given[0].startswith("-") and given[0] != "--help"):
        given.insert(0, "run")
    try:
        code = quick(given)
        if code is not None:
            return code
        from tui.commands.table import app

        app(given, prog_name="pilothouse")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else UNEXPECTED
    except SettingsError as error:
        for finding in error.findings:
            _complain(finding)
        return error.exit_code
    except EngineError as error:
        _complain(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except ReaderLeft:
        return _reader_left()
    except Exception as error:  # noqa: BLE001  the outermost supervisor: nobody else is left
        return _unexpected(error)
    return 0


def _complain(text: str) -> None:
    from tui.commands.output import narrate

    narrate(f"pilothouse: {text}")


def _reader_left() -> int:
    """End quietly when the reader of our output has gone, as `| head` does."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _unexpected(error: Exception) -> int:
    """Write the traceback to the log and name the log; nothing of it goes to the terminal."""
    from engine.settings.places import log_file
    from tui.log import Log

    log = Log(log_file())
    log.write("failed", arguments=sys.argv[1:], exc_info=error)
    where = f"log {log.path}" if log.is_open else f"the log {log.path} cannot be written"
    log.close()
    _complain(f"unexpected failure: {type(error).__name__}: {error}; {where}")
    return UNEXPECTED


if __name__ == "__main__":
    main()
