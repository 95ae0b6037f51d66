-- The first schema. Money, prices, quantities and weights are INTEGER micro-units in columns
-- ending _u; instants are UTC text of fixed width; session dates are YYYY-MM-DD.
--
-- Few indexes: each costs a page of the log with every commit. Rows of a session are found by
-- its book, which primary keys begin with.
--
-- `events` is the truth. Every other table is made from it in the same transaction and can be
-- made again. Snapshots and risk checks have no copy: their views unfold the journal itself.

CREATE TABLE migrations (
    version    INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    checksum   TEXT NOT NULL, -- SHA-256 of the file's text
    applied_at TEXT NOT NULL
) STRICT;

-- Where a check of the chain may begin: the chain was whole up to here when this was written.
CREATE TABLE anchors (
    name TEXT PRIMARY KEY, -- writer, backup
    seq  INTEGER NOT NULL,
    hash TEXT NOT NULL,
    at   TEXT NOT NULL
) STRICT;

CREATE TABLE sessions (
    session_id        TEXT PRIMARY KEY,
    parent_session_id TEXT REFERENCES sessions (session_id),
    book              TEXT NOT NULL,
    mode              TEXT NOT NULL,
    dry_run           INTEGER NOT NULL,
    account           TEXT NOT NULL,
    strategy_ids      TEXT NOT NULL, -- comma-separated, in claim order
    state             TEXT NOT NULL,
    started_at        TEXT NOT NULL, -- wall clock
    ended_at          TEXT,          -- wall clock
    end_reason        TEXT,
    capital_u         INTEGER NOT NULL,
    fill_rule         TEXT NOT NULL,
    source            TEXT NOT NULL,
    feed              TEXT NOT NULL,
    recorded_clock    INTEGER NOT NULL,
    data_hash         TEXT NOT NULL,
    config_hash       TEXT NOT NULL,
    decisions_hash    TEXT,
    fills_hash        TEXT,
    created_seq       INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_by_book ON sessions (book, created_seq);

CREATE TABLE events (
    seq           INTEGER PRIMARY KEY,
    session_id    TEXT NOT NULL REFERENCES sessions (session_id),
    at            TEXT NOT NULL,
    known_at      TEXT NOT NULL,
    kind          TEXT NOT NULL,
    version       INTEGER NOT NULL,
    subject       TEXT NOT NULL,
    causation_seq INTEGER,
    payload       TEXT NOT NULL,
    hash          TEXT NOT NULL,
    cursor        INTEGER -- recorded clock: how much of the feed the book has consumed by then
) STRICT;
-- What happens often and is found by its cause or its own table is left out.
CREATE INDEX events_by_subject ON events (subject)
WHERE kind NOT IN ('SnapshotTaken', 'RegimeRead', 'PositionChanged', 'CashChanged');

CREATE TRIGGER events_are_never_changed BEFORE UPDATE ON events
BEGIN
    SELECT RAISE(ABORT, 'events are append-only');
END;

CREATE TRIGGER events_are_never_deleted BEFORE DELETE ON events
BEGIN
    SELECT RAISE(ABORT, 'events are append-only');
END;

-- Trading state: one per book.
CREATE TABLE books (
    book          TEXT PRIMARY KEY,
    session_id    TEXT NOT NULL REFERENCES sessions (session_id),
    trading_state TEXT NOT NULL,
    since         TEXT NOT NULL,
    actor         TEXT NOT NULL,
    reason        TEXT NOT NULL,
    seq           INTEGER NOT NULL
) STRICT;

CREATE TABLE strategies (
    session_id       TEXT NOT NULL REFERENCES sessions (session_id),
    strategy_id      TEXT NOT NULL,
    preset           TEXT NOT NULL,
    parameter_hash   TEXT NOT NULL,
    state            TEXT NOT NULL,
    reason           TEXT NOT NULL,
    since            TEXT NOT NULL,
    cash_u           INTEGER NOT NULL,
    last_decision_at TEXT,
    last_decision    TEXT,
    PRIMARY KEY (session_id, strategy_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE parameter_changes (
    seq            INTEGER PRIMARY KEY,
    session_id     TEXT NOT NULL REFERENCES sessions (session_id),
    strategy_id    TEXT NOT NULL,
    key            TEXT NOT NULL,
    old            TEXT NOT NULL,
    new            TEXT NOT NULL,
    parameter_hash TEXT NOT NULL,
    actor          TEXT NOT NULL,
    reason         TEXT NOT NULL,
    at             TEXT NOT NULL
) STRICT;

CREATE TABLE regimes (
    session_id         TEXT NOT NULL REFERENCES sessions (session_id),
    strategy_id        TEXT NOT NULL,
    session_date       TEXT NOT NULL,
    cell               INTEGER NOT NULL,
    trend              TEXT NOT NULL,
    vol                TEXT NOT NULL,
    t_norm             REAL,
    z_score            REAL,
    sma_fast           REAL,
    sma_slow           REAL,
    vol_crush          INTEGER NOT NULL,
    close              REAL,
    provisional        INTEGER NOT NULL,
    short_history      INTEGER NOT NULL,
    level              REAL,
    slope              REAL,
    innovation         REAL,
    sigma              REAL,
    vol_before         TEXT NOT NULL,
    vol_by             TEXT NOT NULL,
    crush_change       REAL,
    trend_before_crush TEXT NOT NULL,
    bond_sma_fast      REAL,
    bond_sma_slow      REAL,
    bond_bull          INTEGER,
    bars               INTEGER NOT NULL,
    days_in_cell       INTEGER NOT NULL,
    parameter_hash     TEXT NOT NULL,
    seq                INTEGER NOT NULL,
    PRIMARY KEY (session_id, strategy_id, session_date)
) STRICT, WITHOUT ROWID;

CREATE TABLE decisions (
    decision_id    TEXT NOT NULL,
    session_id     TEXT NOT NULL REFERENCES sessions (session_id),
    book           TEXT NOT NULL,
    strategy_id    TEXT NOT NULL,
    session_date   TEXT NOT NULL,
    slot           TEXT NOT NULL,
    at             TEXT NOT NULL,
    late_s         REAL,
    fill_rule      TEXT NOT NULL,
    result         TEXT NOT NULL,
    text           TEXT NOT NULL,
    preset         TEXT NOT NULL,
    parameter_hash TEXT NOT NULL,
    reading_date   TEXT,
    cell           INTEGER,
    held_cell      INTEGER,
    equity_u       INTEGER,
    cash_u         INTEGER,
    seq            INTEGER NOT NULL,
    PRIMARY KEY (book, strategy_id, session_date, slot)
) STRICT, WITHOUT ROWID;

CREATE TABLE signals (
    seq             INTEGER NOT NULL,
    signal_id       TEXT NOT NULL,
    session_id      TEXT NOT NULL REFERENCES sessions (session_id),
    book            TEXT NOT NULL,
    decision_id     TEXT,
    strategy_id     TEXT NOT NULL,
    instrument      TEXT NOT NULL,
    symbol          TEXT NOT NULL,
    kind            TEXT NOT NULL,
    side            TEXT,
    target_weight_u INTEGER,
    quantity_u      INTEGER,
    price_u         INTEGER,
    session_date    TEXT NOT NULL,
    slot            TEXT NOT NULL,
    leg             INTEGER NOT NULL,
    state           TEXT NOT NULL,
    reason          TEXT NOT NULL,
    text            TEXT NOT NULL,
    raised_at       TEXT NOT NULL,
    expires_at      TEXT NOT NULL,
    duplicate_count INTEGER NOT NULL DEFAULT 0,
    last_seen_at    TEXT NOT NULL,
    PRIMARY KEY (book, signal_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE orders (
    seq               INTEGER NOT NULL,
    order_id          TEXT PRIMARY KEY,
    order_ref         TEXT NOT NULL,
    session_id        TEXT NOT NULL REFERENCES sessions (session_id),
    book              TEXT NOT NULL,
    strategy_id       TEXT NOT NULL,
    signal_id         TEXT,
    decision_id       TEXT,
    instrument        TEXT NOT NULL,
    symbol            TEXT NOT NULL,
    side              TEXT NOT NULL,
    quantity_u        INTEGER NOT NULL,
    order_type        TEXT NOT NULL,
    limit_price_u     INTEGER,
    stop_price_u      INTEGER,
    trail_u           INTEGER,
    time_in_force     TEXT NOT NULL,
    reference_price_u INTEGER,
    is_exit           INTEGER NOT NULL,
    oca_group         TEXT,
    status            TEXT NOT NULL,
    filled_u          INTEGER NOT NULL DEFAULT 0,
    filled_value_u    INTEGER NOT NULL DEFAULT 0,
    perm_id           INTEGER NOT NULL DEFAULT 0,
    broker_order_id   INTEGER,
    cancel_requested  INTEGER NOT NULL DEFAULT 0,
    reason            TEXT NOT NULL, -- our code where the gate denied, else the broker's text
    text              TEXT NOT NULL,
    created_at        TEXT NOT NULL,
    sent_at           TEXT,
    changed_at        TEXT NOT NULL,
    UNIQUE (book, order_ref) -- one order for one decision
) STRICT, WITHOUT ROWID;

CREATE TABLE fills (
    seq               INTEGER NOT NULL,
    exec_id           TEXT NOT NULL,
    session_id        TEXT NOT NULL REFERENCES sessions (session_id),
    book              TEXT NOT NULL,
    order_id          TEXT NOT NULL,
    strategy_id       TEXT,
    instrument        TEXT NOT NULL,
    symbol            TEXT NOT NULL,
    side              TEXT NOT NULL,
    quantity_u        INTEGER NOT NULL,
    price_u           INTEGER NOT NULL,
    commission_u      INTEGER,
    reference_price_u INTEGER,
    slippage_bps_u    INTEGER,
    at                TEXT NOT NULL,
    corrects          TEXT, -- the exec_id this one replaced
    PRIMARY KEY (book, exec_id)
) STRICT, WITHOUT ROWID;

-- owner '' = owned by no strategy.
CREATE TABLE positions (
    session_id     TEXT NOT NULL REFERENCES sessions (session_id),
    owner          TEXT NOT NULL,
    instrument     TEXT NOT NULL,
    symbol         TEXT NOT NULL,
    quantity_u     INTEGER NOT NULL,
    cost_u         INTEGER NOT NULL,
    realized_u     INTEGER NOT NULL,
    market_price_u INTEGER,
    priced_at      TEXT,
    changed_at     TEXT NOT NULL,
    PRIMARY KEY (session_id, owner, instrument)
) STRICT, WITHOUT ROWID;

-- Where the rows of snapshots are in the journal.
CREATE TABLE snapshots (
    seq        INTEGER PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions (session_id),
    first_date TEXT NOT NULL,
    last_date  TEXT NOT NULL,
    rows       INTEGER NOT NULL,
    intraday   INTEGER NOT NULL -- 1: holds rows that a final one will replace
) STRICT;

CREATE TABLE reconciliations (
    seq            INTEGER NOT NULL,
    run_id         TEXT PRIMARY KEY,
    session_id     TEXT NOT NULL REFERENCES sessions (session_id),
    at             TEXT NOT NULL,
    trigger_       TEXT NOT NULL,
    verdict        TEXT NOT NULL,
    matched        INTEGER NOT NULL,
    missing_local  INTEGER NOT NULL,
    missing_broker INTEGER NOT NULL,
    mismatched     INTEGER NOT NULL,
    other          INTEGER NOT NULL,
    text           TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE differences (
    run_id     TEXT NOT NULL REFERENCES reconciliations (run_id),
    n          INTEGER NOT NULL,
    session_id TEXT NOT NULL REFERENCES sessions (session_id),
    kind       TEXT NOT NULL,
    item       TEXT NOT NULL,
    ours       TEXT NOT NULL,
    theirs     TEXT NOT NULL,
    effect_u   INTEGER,
    PRIMARY KEY (run_id, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE accepted_differences (
    seq        INTEGER PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions (session_id),
    item       TEXT NOT NULL,
    actor      TEXT NOT NULL,
    reason     TEXT NOT NULL,
    at         TEXT NOT NULL
) STRICT;

CREATE TABLE alerts (
    alert_id      TEXT PRIMARY KEY,
    session_id    TEXT NOT NULL REFERENCES sessions (session_id),
    book          TEXT NOT NULL,
    severity      TEXT NOT NULL,
    kind          TEXT NOT NULL,
    subject       TEXT NOT NULL,
    text          TEXT NOT NULL,
    count         INTEGER NOT NULL,
    first_at      TEXT NOT NULL,
    last_at       TEXT NOT NULL,
    state         TEXT NOT NULL,
    state_at      TEXT NOT NULL,
    actor         TEXT NOT NULL,
    snoozed_until TEXT,
    seq           INTEGER NOT NULL
) STRICT;

CREATE TABLE jobs (
    book         TEXT NOT NULL,
    job          TEXT NOT NULL,
    session_date TEXT NOT NULL,
    session_id   TEXT NOT NULL REFERENCES sessions (session_id),
    due_at       TEXT NOT NULL,
    started_at   TEXT,
    ended_at     TEXT,
    outcome      TEXT,
    detail       TEXT NOT NULL,
    PRIMARY KEY (book, job, session_date)
) STRICT, WITHOUT ROWID;

CREATE TABLE latches (
    book        TEXT NOT NULL,
    scope       TEXT NOT NULL,
    latch       TEXT NOT NULL,
    session_id  TEXT NOT NULL REFERENCES sessions (session_id),
    since       TEXT NOT NULL,
    until       TEXT NOT NULL,
    text        TEXT NOT NULL,
    released_at TEXT,
    released_by TEXT,
    PRIMARY KEY (book, scope, latch)
) STRICT, WITHOUT ROWID;

-- Latest values, overwritten, not journaled.
CREATE TABLE latest_heartbeat (
    id            INTEGER PRIMARY KEY CHECK (id = 1),
    session_id    TEXT NOT NULL REFERENCES sessions (session_id),
    wall_at       TEXT NOT NULL,
    clock_at      TEXT,
    session_date  TEXT,
    state         TEXT NOT NULL,
    trading_state TEXT NOT NULL,
    pace          TEXT NOT NULL,
    tick_gap_ms   REAL,
    reports_waiting INTEGER NOT NULL,
    commit_p99_ms REAL,
    next_slot     TEXT NOT NULL,
    note          TEXT NOT NULL,
    inputs_done   INTEGER NOT NULL,
    inputs_total  INTEGER NOT NULL
) STRICT;

CREATE TABLE latest_quotes (
    instrument TEXT PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions (session_id),
    bid_u      INTEGER NOT NULL,
    ask_u      INTEGER NOT NULL,
    at         TEXT NOT NULL,
    feed       TEXT NOT NULL
) STRICT;

-- ------------------------------------------------------------------------------------------
-- Views in plain units: their names and columns are a contract. New columns go to the end.

CREATE VIEW v_sessions AS
SELECT session_id, parent_session_id, mode, dry_run, strategy_ids, state, started_at, ended_at,
    end_reason, config_hash, decisions_hash, fills_hash,
    book, account, capital_u / 1e6 AS capital, fill_rule, source, feed, data_hash,
    recorded_clock, created_seq
FROM sessions;

CREATE VIEW v_regimes AS
SELECT session_id, strategy_id, session_date, cell, trend, vol, t_norm, z_score, sma_fast,
    sma_slow, vol_crush, close, provisional, short_history,
    level, slope, innovation, sigma, vol_before, vol_by, crush_change, trend_before_crush,
    bond_sma_fast, bond_sma_slow, bond_bull, bars, days_in_cell, parameter_hash, seq
FROM regimes;

CREATE VIEW v_decisions AS
SELECT decision_id, session_id, strategy_id, session_date, slot, result, text, cell, held_cell,
    equity_u / 1e6 AS equity, cash_u / 1e6 AS cash, at, late_s, fill_rule, preset,
    parameter_hash, reading_date, book, seq
FROM decisions;

CREATE VIEW v_signals AS
SELECT signal_id, session_id, strategy_id, symbol, kind, target_weight_u / 1e6 AS target_weight,
    session_date, state, reason,
    side, quantity_u / 1e6 AS quantity, price_u / 1e6 AS price, slot, leg, text, raised_at,
    expires_at, duplicate_count, last_seen_at, decision_id, instrument, book, seq
FROM signals;

CREATE VIEW v_orders AS
SELECT order_id, order_ref, session_id, strategy_id, signal_id, symbol, side,
    quantity_u / 1e6 AS quantity, order_type, limit_price_u / 1e6 AS limit_price, status,
    filled_u / 1e6 AS filled,
    CASE WHEN filled_u <> 0 THEN round(filled_value_u * 1.0 / filled_u, 6) END AS average_price,
    perm_id, reason, created_at,
    stop_price_u / 1e6 AS stop_price, trail_u / 1e6 AS trail, time_in_force,
    reference_price_u / 1e6 AS reference_price, is_exit, oca_group, broker_order_id,
    cancel_requested, text, sent_at, changed_at, decision_id, instrument, book, seq
FROM orders;

CREATE VIEW v_fills AS
SELECT exec_id, order_id, session_id, strategy_id, symbol, side, quantity_u / 1e6 AS quantity,
    price_u / 1e6 AS price, commission_u / 1e6 AS commission,
    slippage_bps_u / 1e6 AS slippage_bps, at,
    reference_price_u / 1e6 AS reference_price, corrects, instrument, book, seq
FROM fills;

-- A mark is the newer of the last snapshot's price and the latest quote of the same session.
CREATE VIEW v_positions AS
SELECT session_id, nullif(owner, '') AS strategy_id, symbol, quantity_u / 1e6 AS quantity,
    CASE WHEN quantity_u <> 0 THEN round(cost_u * 1.0 / quantity_u, 6) END AS average_cost,
    mark_u / 1e6 AS market_price,
    round(quantity_u * (mark_u / 1e6) / 1e6, 6) AS market_value,
    round((quantity_u * (mark_u / 1e6) - cost_u) / 1e6, 6) AS unrealized_pnl,
    realized_u / 1e6 AS realized_pnl, marked_at AS priced_at,
    cost_u / 1e6 AS cost, changed_at, instrument, book
FROM (
    SELECT p.*, s.book,
        CASE WHEN q.at IS NULL THEN p.market_price_u ELSE (q.bid_u + q.ask_u) / 2 END AS mark_u,
        CASE WHEN q.at IS NULL THEN p.priced_at ELSE q.at END AS marked_at
    FROM positions AS p
    JOIN sessions AS s ON s.session_id = p.session_id
    LEFT JOIN latest_quotes AS q ON q.instrument = p.instrument
        AND q.session_id = p.session_id AND q.at > coalesce(p.priced_at, '')
);

CREATE VIEW v_strategies AS
SELECT t.session_id, t.strategy_id, t.state, t.reason, t.since, t.preset, t.parameter_hash,
    t.cash_u / 1e6 AS cash, t.last_decision_at, t.last_decision, s.book
FROM strategies AS t
JOIN sessions AS s ON s.session_id = t.session_id;

CREATE VIEW v_parameter_changes AS
SELECT seq, session_id, strategy_id, at, key, old, new, parameter_hash, actor, reason
FROM parameter_changes;

CREATE VIEW v_latches AS
SELECT book, scope, latch, session_id, since, until, text, released_at, released_by
FROM latches;

CREATE VIEW v_alerts AS
SELECT alert_id, session_id, severity, kind, subject, text, count, first_at, last_at, state,
    state_at, actor, snoozed_until, book, seq
FROM alerts;

-- One row per strategy and session date; intraday rows are shown until there is a final one.
-- A row of the payload: strategy, session date, equity, cash, daily return, cumulative return,
-- high water, drawdown, holdings, and an object of what else is known.
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
);

CREATE VIEW v_reconciliations AS
SELECT run_id, session_id, at, verdict, matched, missing_local, missing_broker, mismatched,
    other, trigger_ AS "trigger", text, seq
FROM reconciliations;

CREATE VIEW v_differences AS
SELECT d.run_id, d.session_id, r.at, d.kind, d.item, d.ours, d.theirs, d.effect_u / 1e6 AS effect,
    a.at AS accepted_at, a.actor AS accepted_by, a.reason AS accepted_reason, d.n
FROM differences AS d
JOIN reconciliations AS r ON r.run_id = d.run_id
LEFT JOIN accepted_differences AS a ON a.seq = (
    SELECT min(seq) FROM accepted_differences
    WHERE session_id = d.session_id AND item = d.item AND seq > r.seq
);

CREATE VIEW v_risk_checks AS
SELECT e.subject AS order_id, e.session_id, c.key AS n, c.value ->> 'code' AS code,
    c.value ->> 'result' AS result, c.value ->> 'value' AS value, c.value ->> 'limit' AS "limit",
    e.at, e.seq
FROM events AS e
JOIN json_each(e.payload, '$.checks') AS c
WHERE e.kind = 'RiskChecked';

-- Decisions and snapshots are jobs too, by their own rows; instants of snapshots that the
-- journal joined are not kept.
CREATE VIEW v_jobs AS
SELECT job, session_date, due_at, started_at, ended_at, outcome, detail, session_id, book
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
SELECT 'snapshot', v.session_date, min(v.at), min(v.at), max(v.at), 'DONE', '',
    v.session_id, v.book
FROM v_snapshots AS v
WHERE v.final AND NOT EXISTS (
    SELECT 1 FROM jobs AS j
    WHERE j.book = v.book AND j.job = 'snapshot' AND j.session_date = v.session_date
)
GROUP BY v.session_id, v.session_date;

CREATE VIEW v_events AS
SELECT seq, session_id, at, known_at, kind, subject, causation_seq, payload, hash, version
FROM events;
