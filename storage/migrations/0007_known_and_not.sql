-- What nobody gave is NULL and never 0; what began and ended in one instant began then.

DROP VIEW v_orders;
CREATE VIEW v_orders AS
SELECT order_id, order_ref, session_id, strategy_id, signal_id, symbol, side,
    quantity_u / 1e6 AS quantity, order_type, limit_price_u / 1e6 AS limit_price, status,
    filled_u / 1e6 AS filled,
    CASE WHEN filled_u <> 0 THEN round(filled_value_u * 1.0 / filled_u, 6) END AS average_price,
    nullif(perm_id, 0) AS perm_id, reason, created_at,
    stop_price_u / 1e6 AS stop_price, trail_u / 1e6 AS trail, time_in_force,
    reference_price_u / 1e6 AS reference_price, is_exit, oca_group, broker_order_id,
    cancel_requested, text, sent_at, changed_at, decision_id, instrument, book, seq, held
FROM orders;

DROP VIEW v_jobs;
-- Decisions and snapshots are jobs too, by their own rows. Started is NULL: it never was. Instants
-- of snapshots are NULL where the journal joined several dates in one event.
CREATE VIEW v_jobs AS
SELECT job, session_date, due_at,
    CASE WHEN outcome IN ('DONE', 'LATE', 'FAILED') THEN coalesce(started_at, ended_at)
        ELSE started_at END AS started_at,
    ended_at, outcome, detail, session_id, book
FROM jobs
UNION ALL
SELECT 'decision:' || d.strategy_id, d.session_date,
    CASE WHEN d.late_s IS NULL THEN d.at
        ELSE strftime('%Y-%m-%dT%H:%M:%f000Z', d.at, '-' || d.late_s || ' seconds') END,
    d.at, d.at, CASE WHEN d.late_s >= 1 THEN 'LATE' ELSE 'DONE' END, d.text,
    d.session_id, d.book
FROM decisions AS d
WHERE NOT EXISTS (
    SELECT 1 FROM jobs AS j
    WHERE j.book = d.book AND j.job = 'decision:' || d.strategy_id
        AND j.session_date = d.session_date
)
UNION ALL
SELECT 'snapshot', v.session_date, min(v.taken), min(v.taken), max(v.taken), 'DONE', '',
    v.session_id, v.book
FROM (
    SELECT w.*, CASE WHEN n.first_date = n.last_date THEN e.at END AS taken
    FROM v_snapshots AS w
    JOIN snapshots AS n ON n.seq = w.seq
    JOIN events AS e ON e.seq = w.seq
) AS v
WHERE v.final AND NOT EXISTS (
    SELECT 1 FROM jobs AS j
    WHERE j.book = v.book AND j.job = 'snapshot' AND j.session_date = v.session_date
)
GROUP BY v.session_id, v.session_date;
