"""A practice TWS gateway: a server of the TWS API before an invented market and account."""
