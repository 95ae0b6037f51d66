"""A preview as an engine would answer it."""

from typing import Any

from tests.tui import seed

CHECKS = [
    ["mode", "PASS", "paper on DU1", "agree"],
    ["order_size", "PASS", "0.12", "0.30 of equity"],
    ["slippage", "WARN", "0.41%", "1.00%"],
]
PREVIEW: dict[str, Any] = {
    "action": "BUY", "strategy": "manual", "symbol": "TLT", "side": "BUY", "quantity": "130",
    "type": "LIMIT", "limit": "91.5", "stop": None, "tif": "GTC", "order_id": "", "sizing": "",
    "is_exit": False, "price": "91.62", "age_s": 2.0, "bid": "91.61", "ask": "91.63",
    "refused": None, "denied": None, "waits": None, "checks": CHECKS, "working": [],
    "owned": "0", "owned_after": "130", "cash": "98000", "cash_after": "86100.38",
    "equity": "98000", "value": "11895", "weight": "0.000000", "weight_after": "0.121531",
    "seen": {"owned": "0", "price": "91.62"}, "session_id": seed.SESSION,
}  # fmt: skip
