-- What the engine measures of itself beside its pulse: how late its loop wakes up; the way to the
-- broker (JSON, NULL: there is none); when the exchange shuts or opens; and since when each of
-- these is as well as it is (JSON, by item).
ALTER TABLE latest_heartbeat ADD COLUMN loop_lag_ms REAL;
ALTER TABLE latest_heartbeat ADD COLUMN reach TEXT;
ALTER TABLE latest_heartbeat ADD COLUMN hours TEXT NOT NULL DEFAULT '';
ALTER TABLE latest_heartbeat ADD COLUMN since TEXT NOT NULL DEFAULT '{}';

-- An order that the broker holds back, as while shares are located: it works, but not now.
ALTER TABLE orders ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
DROP VIEW v_orders;
CREATE VIEW v_orders AS
SELECT order_id, order_ref, session_id, strategy_id, signal_id, symbol, side,
    quantity_u / 1e6 AS quantity, order_type, limit_price_u / 1e6 AS limit_price, status,
    filled_u / 1e6 AS filled,
    CASE WHEN filled_u <> 0 THEN round(filled_value_u * 1.0 / filled_u, 6) END AS average_price,
    perm_id, reason, created_at,
    stop_price_u / 1e6 AS stop_price, trail_u / 1e6 AS trail, time_in_force,
    reference_price_u / 1e6 AS reference_price, is_exit, oca_group, broker_order_id,
    cancel_requested, text, sent_at, changed_at, decision_id, instrument, book, seq, held
FROM orders;
