-- The same index without IN: it makes SQLite build a table of its list for every row that is
-- written, half of what an event's insert costs.
DROP INDEX events_by_subject;
CREATE INDEX events_by_subject ON events (subject)
WHERE kind <> 'SnapshotTaken' AND kind <> 'RegimeRead' AND kind <> 'PositionChanged'
    AND kind <> 'CashChanged';
