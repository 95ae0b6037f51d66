"""Print an exchange's sessions as JSON: `python -P fetch.py NAME FIRST LAST`.

A program of its own, because exchange_calendars brings pandas: fifty megabytes that an engine
would carry for months after a second's use. Instants are microseconds since 1970.
"""

import json
import sys
from typing import Any


def main(name: str, first: str, last: str) -> None:
    """Write {"zone": ..., "days": [...], "opens": [...], "closes": [...]} or {"error": ...}."""
    import exchange_calendars
    from exchange_calendars.errors import CalendarError

    try:
        known: Any = exchange_calendars.get_calendar(name, start=first, end=last)
    except (CalendarError, ValueError) as error:
        said: dict[str, Any] = {"error": str(error)}
    else:
        table = known.schedule
        said = {
            "zone": str(known.tz),
            "days": [day.isoformat() for day in table.index.date.tolist()],
            "opens": table["open"].astype("datetime64[us, UTC]").astype("int64").tolist(),
            "closes": table["close"].astype("datetime64[us, UTC]").astype("int64").tolist(),
        }
    json.dump(said, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
