-- When the broker's account was last compared and answered. Only a comparison that says something
-- new is a row of `reconciliations`; that the others took place is worth no row, but an age.
ALTER TABLE latest_heartbeat ADD COLUMN compared_at TEXT;
