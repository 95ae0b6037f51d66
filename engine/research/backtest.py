"""What a recorded run came to: every figure with the conditions under which it holds."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from engine.core.state import State
from engine.ports import MarketHistory


def result(
    state: State, history: MarketHistory, sessions: Sequence[date], wall_s: float
) -> dict[str, Any]:
    """Return the summary of a session as plain values, fractions not percents."""
    context = state.context
    bars = sum(len(closed.bars) for closed in state.history)
    return {
        "session_id": context.session_id,
        "mode": context.mode.value,
        "final_equity": float(sum(b.equity for b in state.books.values())),
        "orders": state.counts["orders"],
        "fills": state.counts["fills"],
        "sessions": len(sessions),
        "wall_s": wall_s,
        "bars_per_s": bars / wall_s if wall_s else None,
        "decisions_hash": state.decisions_digest.hexdigest(),
        "fills_hash": state.fills_digest.hexdigest(),
    }
