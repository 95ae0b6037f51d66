-- The link to a broker is shown beside the session; quiet days are kept as what changes.

-- LIVE, or what forbids sending; NULL: no broker
ALTER TABLE sessions ADD COLUMN link TEXT;
ALTER TABLE sessions ADD COLUMN link_text TEXT;
DROP VIEW v_sessions;
CREATE VIEW v_sessions AS
SELECT session_id, parent_session_id, mode, dry_run, strategy_ids, state, started_at, ended_at,
    end_reason, config_hash, decisions_hash, fills_hash,
    book, account, capital_u / 1e6 AS capital, fill_rule, source, feed, data_hash,
    recorded_clock, link, link_text, created_seq
FROM sessions;

-- 1: one row, and what changes on the days after it
ALTER TABLE snapshots ADD COLUMN quiet INTEGER NOT NULL DEFAULT 0;
DROP VIEW v_snapshots;
-- One row per strategy and session date; intraday rows are shown until there is a final one.
-- A row of the payload: strategy, session date, equity, cash, equity before, capital, high water,
-- holdings, and an object of what else is known. Quiet days have their first row, and of the
-- others what changes: session date, equity, equity before, high water, price of what is held,
-- and the signal's where that is another instrument.
CREATE VIEW v_snapshots AS
SELECT n.session_id, r.value ->> 0 AS strategy_id, r.value ->> 1 AS session_date,
    CAST(r.value ->> 2 AS REAL) AS equity, CAST(r.value ->> 3 AS REAL) AS cash,
    CAST(r.value ->> 2 AS REAL) / CAST(r.value ->> 4 AS REAL) - 1 AS daily_return,
    CAST(r.value ->> 2 AS REAL) / CAST(r.value ->> 5 AS REAL) - 1 AS cumulative_return,
    CAST(r.value ->> 2 AS REAL) / CAST(r.value ->> 6 AS REAL) - 1 AS drawdown,
    r.value ->> '$[8].cell' AS cell, r.value ->> '$[8].held_cell' AS held_cell,
    r.value ->> '$[8].trend' AS trend, r.value ->> '$[8].vol' AS vol,
    r.value ->> '$[8].t_norm' AS t_norm, r.value ->> '$[8].z_score' AS z_score,
    r.value ->> '$[8].sma_fast' AS sma_fast, r.value ->> '$[8].sma_slow' AS sma_slow,
    CAST(r.value ->> 6 AS REAL) AS high_water,
    CAST(r.value ->> '$[8].equity_at_fill' AS REAL) AS equity_at_fill,
    CAST(r.value ->> '$[8].baseline' AS REAL) AS baseline,
    CAST(coalesce(r.value ->> '$[8].fees_to_date', '0') AS REAL) AS fees_to_date,
    coalesce(r.value ->> '$[8].final', 1) AS final, r.value -> 7 AS holdings,
    CASE WHEN n.rows = 1 THEN e.at END AS at, s.book, n.seq, r.key AS n
FROM snapshots AS n
JOIN sessions AS s ON s.session_id = n.session_id
JOIN events AS e ON e.seq = n.seq
JOIN json_each(e.payload, '$.rows') AS r
WHERE n.intraday = 0 OR NOT EXISTS (
    SELECT 1 FROM snapshots AS f
    WHERE f.session_id = n.session_id AND f.first_date <= n.last_date
        AND f.last_date >= n.first_date AND (f.intraday = 0 OR f.seq > n.seq)
)
UNION ALL
SELECT n.session_id, f.value ->> 0, q.value ->> 0,
    CAST(q.value ->> 1 AS REAL), CAST(f.value ->> 3 AS REAL),
    CAST(q.value ->> 1 AS REAL) / CAST(q.value ->> 2 AS REAL) - 1,
    CAST(q.value ->> 1 AS REAL) / CAST(f.value ->> 5 AS REAL) - 1,
    CAST(q.value ->> 1 AS REAL) / CAST(q.value ->> 3 AS REAL) - 1,
    NULL, f.value ->> '$[8].held_cell', NULL, NULL, NULL, NULL, NULL, NULL,
    CAST(q.value ->> 3 AS REAL), NULL,
    round(CAST(f.value ->> 5 AS REAL) * CAST(coalesce(q.value ->> 5, q.value ->> 4) AS REAL)
        / CAST(start.value AS REAL), 6),
    CAST(coalesce(f.value ->> '$[8].fees_to_date', '0') AS REAL), 1,
    CASE json_array_length(f.value, '$[7]') WHEN 0 THEN '[]'
        ELSE json_array(json_array(f.value ->> '$[7][0][0]', f.value ->> '$[7][0][1]',
            q.value ->> 4)) END,
    NULL, s.book, n.seq, q.key + 1
FROM snapshots AS n
JOIN sessions AS s ON s.session_id = n.session_id
JOIN events AS e ON e.seq = n.seq
JOIN json_each(e.payload, '$.rows') AS f
LEFT JOIN json_each(e.payload, '$.quiet.start') AS start
JOIN json_each(e.payload, '$.quiet.days') AS q
WHERE n.quiet;
