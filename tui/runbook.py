"""The runbook as lines: eight at most, wrapped to the width they have."""

import textwrap

from engine.risk.runbook import runbook
from tui.format import Shown, fit, safe, say
from tui.widgets.lines import Line, Span, line

LABELS = (Shown("means"), Shown("engine"), Shown("you"), Shown("urgent"))
LABEL_WIDTH = 7
LEAST_WIDTH = 30


def runbook_lines(code: str, width: int) -> list[Line]:
    """Return the entry of an alert kind or deny reason; nothing for any other word."""
    entry = runbook(code)
    if entry is None:
        return []
    room = max(LEAST_WIDTH, width - LABEL_WIDTH - 3)
    lines: list[Line] = []
    for label, text in zip(LABELS, entry, strict=True):
        for n, part in enumerate(textwrap.wrap(text, room)):
            name = label if not n else Shown("")
            ink = "quiet" if label != "you" else "key"
            lines.append(line(Span(say(" {} ", fit(name, LABEL_WIDTH)), ink), safe(part)))
    return lines
