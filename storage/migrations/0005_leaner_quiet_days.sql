-- Quiet days are kept as their closes: what follows from them is worked out here.

DROP VIEW v_snapshots;
-- One row per strategy and session date; intraday rows are shown until there is a final one.
-- A row of the payload: strategy, session date, equity, cash, equity before, capital, high water,
-- holdings, and an object of what else is known. Quiet days have their first row, and for each
-- of the others a text: session date, price of what is held, and the signal's where that is
-- another instrument. Before schema 5 it was an array with equity, equity before and high water.
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
SELECT session_id, first ->> 0, session_date, equity, CAST(first ->> 3 AS REAL),
    equity / before - 1, equity / CAST(first ->> 5 AS REAL) - 1, equity / high_water - 1,
    NULL, first ->> '$[8].held_cell', NULL, NULL, NULL, NULL, NULL, NULL, high_water, NULL,
    round(CAST(first ->> 5 AS REAL) * CAST(substr(closes, instr(closes, ' ') + 1) AS REAL)
        / CAST(start AS REAL), 6),
    CAST(coalesce(first ->> '$[8].fees_to_date', '0') AS REAL), 1,
    CASE WHEN held IS NULL THEN '[]'
        ELSE json_array(json_array(held, quantity, substr(closes, 1, instr(closes || ' ', ' ') - 1)))
        END,
    NULL, book, seq, n
FROM (
    SELECT *, lag(equity, 1, CAST(first ->> 2 AS REAL)) OVER days AS before,
        max(CAST(first ->> 6 AS REAL), max(equity) OVER days) AS high_water
    FROM (
        SELECT *, CASE WHEN told IS NOT NULL THEN told
            WHEN held IS NULL THEN CAST(first ->> 3 AS REAL)
            ELSE round(CAST(first ->> 3 AS REAL)
                + CAST(quantity AS REAL) * CAST(closes AS REAL), 6) END AS equity
        FROM (
            SELECT n.session_id, s.book, n.seq, q.key + 1 AS n, f.value AS first,
                start.value AS start, f.value ->> '$[7][0][0]' AS held,
                f.value ->> '$[7][0][1]' AS quantity,
                CASE q.type WHEN 'text' THEN substr(q.value, 1, 10)
                    ELSE q.value ->> 0 END AS session_date,
                CASE q.type WHEN 'text' THEN substr(q.value, 12)
                    ELSE (q.value ->> 4) || coalesce(' ' || (q.value ->> 5), '') END AS closes,
                CASE q.type WHEN 'array' THEN CAST(q.value ->> 1 AS REAL) END AS told
            FROM snapshots AS n
            JOIN sessions AS s ON s.session_id = n.session_id
            JOIN events AS e ON e.seq = n.seq
            JOIN json_each(e.payload, '$.rows') AS f
            LEFT JOIN json_each(e.payload, '$.quiet.start') AS start
            JOIN json_each(e.payload, '$.quiet.days') AS q
            WHERE n.quiet
        )
    )
    WINDOW days AS (PARTITION BY session_id, book, seq ORDER BY n)
);
