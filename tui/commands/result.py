"""The summary of a finished run for people: never a figure without how it came about."""

from collections.abc import Iterator, Mapping
from typing import Any

from tui.commands.output import Column, print_pairs, print_table, say, shown

CELLS = (
    Column("cell", "cell", right=True),
    Column("sessions", "sessions", right=True),
    Column("total_return", "total", right=True),
    Column("annualised", "a year", right=True),
)


def present_result(result: Mapping[str, Any]) -> None:
    """Print a run's result; fractions become percent here, unknown stays a point."""
    print_pairs(_how(result))
    say("")
    print_pairs(_figures(result))
    cells = result.get("cells") or {}
    if cells:
        say("")
        say("returns by the cell held when they were earned")
        print_table([_cell(cell, facts) for cell, facts in _pairs(cells)], CELLS, empty="no cells")
    for latch in result.get("latches") or ():
        say(f"latch fired: {_words(latch)}")
    for warning in result.get("warnings") or ():
        say(f"warning: {_words(warning)}")


def _how(result: Mapping[str, Any]) -> list[tuple[str, object]]:
    data = result.get("data") or {}
    rule = result.get("fill_rule")
    return [
        ("session", _session(result)),
        ("strategy", f"{result.get('strategy')} {_preset(result)}"),
        ("data", f"{data.get('source')}: {_words(data.get('symbols'))}, {data.get('bars')} bars"),
        ("range", f"{result.get('from')} to {result.get('to')}"),
        ("fills at", f"{rule}, which is not achievable" if rule == "same_close" else rule),
        *_costs(result.get("costs") or {}),
        ("short history", f"{result.get('short_history_sessions')} sessions"),
    ]


def _session(result: Mapping[str, Any]) -> str:
    """A run that was ended early has a result too: of what it had done until then."""
    state, name = result.get("state", "COMPLETED"), shown(result.get("session_id"))
    return name if state == "COMPLETED" else f"{name}, {state} before the end of the data"


def _costs(costs: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """Each cost in force with its origin, then what was paid."""
    origins = costs.get("origins") or {}
    for key, value in costs.items():
        if key.startswith("sim."):
            yield key, f"{_words(value)} ({origins.get(key, 'default')})"
    if "total_paid" in costs:
        yield (
            "costs paid",
            (
                f"{_usd(costs['total_paid'])}: commission {_usd(costs.get('commission_paid'))}, "
                f"spread and slippage {_usd(costs.get('slippage_paid'))}"
            ),
        )


def _preset(result: Mapping[str, Any]) -> str:
    return f"{_words(result.get('preset'))} ({_words(result.get('parameter_hash'))})"


def _figures(result: Mapping[str, Any]) -> list[tuple[str, object]]:
    baseline = result.get("baseline") or {}
    return [
        ("initial capital", _usd(result.get("initial_capital"))),
        ("final equity", _usd(result.get("final_equity"))),
        ("total return", _percent(result.get("total_return"))),
        ("a year (CAGR)", _percent(result.get("cagr"))),
        ("volatility", _percent(result.get("volatility"))),
        ("Sharpe", _ratio(result.get("sharpe"))),
        ("Sortino", _ratio(result.get("sortino"))),
        ("Calmar", _ratio(result.get("calmar"))),
        ("max drawdown", _percent(result.get("max_drawdown"))),
        ("win rate", _percent(result.get("win_rate"))),
        ("profit factor", _ratio(result.get("profit_factor"))),
        ("turnover", _ratio(result.get("turnover"))),
        ("orders, fills", f"{shown(result.get('orders'))}, {shown(result.get('fills'))}"),
        ("denied, rejected", f"{shown(result.get('denied'))}, {shown(result.get('rejected'))}"),
        ("baseline", _baseline(baseline)),
        ("hash of decisions", result.get("decisions_hash")),
        ("hash of fills", result.get("fills_hash")),
        ("took", _took(result)),
    ]


def _baseline(baseline: Mapping[str, Any]) -> str:
    value, growth = _usd(baseline.get("final")), _percent(baseline.get("cagr"))
    return f"{_words(baseline.get('symbol'))}, price only: {value}, {growth} a year"


def _took(result: Mapping[str, Any]) -> str:
    wall, speed = result.get("wall_s"), result.get("bars_per_s")
    known = isinstance(wall, int | float) and isinstance(speed, int | float)
    return f"{wall:.2f} s, {speed:,.0f} bars/s" if known else "·"


def _cell(cell: object, facts: Mapping[str, Any]) -> dict[str, Any]:
    total, annual = facts.get("total_return"), facts.get("annualised")
    sessions = facts.get("sessions")
    return {
        "cell": str(cell),
        "sessions": sessions,
        "total_return": _percent(total),
        "annualised": _percent(annual),
    }


def _pairs(cells: Any) -> list[tuple[object, Mapping[str, Any]]]:
    """Cells come as a table by cell or as a list of rows that name theirs."""
    if isinstance(cells, Mapping):
        return sorted(cells.items(), key=lambda pair: str(pair[0]))
    return [(row.get("cell"), row) for row in cells]


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_words(one)}" for name, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_words(one) for one in value)
    return shown(value)


def _usd(value: Any) -> str:
    from tui.format import money

    return f"{money(value)} USD"


def _percent(value: Any) -> str:
    from tui.format import percent

    return f"{percent(value, 2)} %" if isinstance(value, int | float) else shown(value)


def _ratio(value: Any) -> str:
    from tui.format import number

    return number(value, 3) if isinstance(value, int | float) else shown(value)
