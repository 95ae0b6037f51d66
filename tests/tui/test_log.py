"""The log file takes what would else be lost or tear the screen."""

import json
import logging
from pathlib import Path

import pytest

from tui.log import HEARD, Log


def test_the_log_holds_what_the_engine_and_the_brokers_library_say(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = Log(tmp_path / "pilothouse.log")
    levels = {name: logging.getLogger(name).level for name in HEARD}
    library, ours = logging.getLogger("ib_insync.client"), logging.getLogger("pilothouse.ibkr")
    with log.hearing():
        library.error("API connection failed: %r", TimeoutError())
        library.info("not this")
        ours.info("127.0.0.1:4002, attempt %d", 2)
        wrong = logging.makeLogRecord(
            {"name": ours.name, "levelname": "INFO", "msg": "%d of two", "args": (1, 2)}
        )
        logging.getLogger("pilothouse").handlers[-1].handle(wrong)
        logging.getLogger("asyncio").error("never retrieved", exc_info=ValueError("so"))
    library.error("nor this")
    log.close()
    lines = [json.loads(line) for line in log.path.read_text("utf-8").splitlines()]
    assert [(line["logger"], line["level"], line["event"]) for line in lines] == [
        ("ib_insync.client", "ERROR", "API connection failed: TimeoutError()"),
        ("pilothouse.ibkr", "INFO", "127.0.0.1:4002, attempt 2"),
        ("pilothouse.ibkr", "INFO", "%d of two"),
        ("asyncio", "ERROR", "never retrieved"),
    ]
    assert "ValueError: so" in lines[-1]["exception"]
    assert {name: logging.getLogger(name).level for name in HEARD} == levels
    assert "attempt" not in capfd.readouterr().err
