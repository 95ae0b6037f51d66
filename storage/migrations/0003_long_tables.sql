-- Long tables are read in pages: a page is found by its place in an order, so each order that a
-- person can choose is an index; `seq` makes a place unique. Bulk is no concern of a day's work
-- (hundreds of rows), a page of the log per index and commit is; a table of a million rows that
-- answers a key in milliseconds is worth it. storage/queries/pages.py names these indexes.

-- In the order of happening; holds what filters look at, so that a search reads nothing else.
CREATE INDEX fills_newest ON fills (
    book, seq, symbol, side, strategy_id, quantity_u, price_u, commission_u, slippage_bps_u,
    order_id, reference_price_u
);
CREATE INDEX fills_by_symbol ON fills (book, symbol, seq);
CREATE INDEX fills_by_side ON fills (book, side, seq);
CREATE INDEX fills_by_quantity ON fills (book, quantity_u, seq);
CREATE INDEX fills_by_price ON fills (book, price_u, seq);
CREATE INDEX fills_by_slippage ON fills (book, slippage_bps_u, seq);
CREATE INDEX fills_by_commission ON fills (book, commission_u, seq);
CREATE INDEX fills_by_order ON fills (book, order_id, seq);
CREATE INDEX fills_by_strategy ON fills (book, strategy_id, seq);

CREATE INDEX orders_newest ON orders (
    book, seq, symbol, side, strategy_id, status, quantity_u
);
-- Working orders first: the expression of storage/queries/long.py, to the letter.
CREATE INDEX orders_by_working ON orders (
    book,
    (status IN (
        'APPROVED', 'SUBMITTED', 'ACCEPTED', 'PARTIALLY_FILLED', 'PENDING_CANCEL', 'UNKNOWN'
    )),
    seq
);
CREATE INDEX orders_by_symbol ON orders (book, symbol, seq);
CREATE INDEX orders_by_status ON orders (book, status, seq);
