"""What a long run shows while it runs: how much is done, what broke, and the count in the end."""

import time

import pytest


class Progress:
    """A line for every test that ends; tests say how much they did by `record_property`."""

    def __init__(self, config: pytest.Config, things: str, wanted: int) -> None:
        """`things`: what is counted, as the tests name it: kills, seeds."""
        self._config = config
        self._things, self._wanted = things, wanted
        self._began = time.monotonic()
        self._tests = self._done = self._violations = 0

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Leave the dots out."""
        return ("passed" if report.when == "call" else "", "", "") if report.passed else None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count, and say what has been played."""
        self._violations += report.failed
        if report.when != "call" and not report.failed:
            return
        done = dict(report.user_properties).get(self._things, 0)
        assert isinstance(done, int)
        self._done += done
        self._tests += report.when == "call"
        self._say(
            f"{self._done:5d} of {self._wanted} {self._things} {self._took_s:5.0f} s  "
            f"{'' if report.passed else 'BROKEN  '}{_title(report.nodeid)} "
            f"({report.duration:.1f} s)"
        )

    def pytest_terminal_summary(self) -> None:
        """Say what has been shown."""
        one = self._things.removesuffix("s")
        self._say(
            f"{self._done} {self._things} in {self._tests} tests, "
            f"{self._violations or 'no'} violation{'s' * (self._violations != 1)}, "
            f"{self._took_s:.0f} s, {self._took_s / max(self._done, 1):.2f} s a {one}"
        )

    @property
    def _took_s(self) -> float:
        return time.monotonic() - self._began

    def _say(self, line: str) -> None:
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.ensure_newline()
            reporter.write_line(line)


def _title(nodeid: str) -> str:
    """Return the name of a test; of a cell of the matrix, the cell's."""
    name = nodeid.rpartition("::")[2]
    return name.partition("[")[2].rstrip("]") if "/" in name else name


def show(config: pytest.Config, things: str, wanted: int) -> None:
    """Show progress where somebody asked for much, and where the workers' reports arrive."""
    if wanted and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Progress(config, things, wanted), things)
