-- What the engine measures of itself beside its pulse: how late its loop wakes up; the way to the
-- broker (JSON, NULL: there is none); when the exchange shuts or opens; and since when each of
-- these is as well as it is (JSON, by item).
ALTER TABLE latest_heartbeat ADD COLUMN loop_lag_ms REAL;
ALTER TABLE latest_heartbeat ADD COLUMN reach TEXT;
ALTER TABLE latest_heartbeat ADD COLUMN hours TEXT NOT NULL DEFAULT '';
ALTER TABLE latest_heartbeat ADD COLUMN since TEXT NOT NULL DEFAULT '{}';
