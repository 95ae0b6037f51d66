"""What `make kills` shows while it runs: how many have died, where, and what broke."""

import os
import time

import pytest

_WANTED = int(os.environ.get("PILOTHOUSE_KILLS") or 0)


class Progress:
    """A line for every test that ends, and the count in the end."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._began = time.monotonic()
        self._tests = self._kills = self._violations = 0

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Leave the dots out."""
        return ("passed" if report.when == "call" else "", "", "") if report.passed else None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count, and say what has been played."""
        self._violations += report.failed
        if report.when != "call" and not report.failed:
            return
        kills = dict(report.user_properties).get("kills", 0)
        assert isinstance(kills, int)
        self._kills += kills
        self._tests += report.when == "call"
        name = report.nodeid.rpartition("::")[2]
        if "/" in name:  # a cell; a run has the name of its test
            name = name.partition("[")[2].rstrip("]")
        self._say(
            f"{self._kills:4d} of {_WANTED} kills {time.monotonic() - self._began:5.0f} s  "
            f"{'' if report.passed else 'BROKEN  '}{name} ({report.duration:.1f} s)"
        )

    def pytest_terminal_summary(self) -> None:
        """Say what has been shown."""
        took = time.monotonic() - self._began
        self._say(
            f"{self._kills} kills in {self._tests} cells and runs, "
            f"{self._violations or 'no'} violation{'s' * (self._violations != 1)}, "
            f"{took:.0f} s, {took / max(self._kills, 1):.1f} s a kill"
        )

    def _say(self, line: str) -> None:
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.ensure_newline()
            reporter.write_line(line)


def pytest_configure(config: pytest.Config) -> None:
    """Only where somebody asked for kills, and only where the workers' reports arrive."""
    if _WANTED and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Progress(config), "kills")
