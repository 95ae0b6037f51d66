-- The same index by another condition: NOT IN makes SQLite build a table of its list for every row
-- of the journal, half of what an insert costs.
DROP INDEX events_by_subject;
CREATE INDEX events_by_subject ON events (subject)
WHERE kind <> 'SnapshotTaken' AND kind <> 'RegimeRead' AND kind <> 'PositionChanged'
    AND kind <> 'CashChanged';
