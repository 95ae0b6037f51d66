"""Interactive Brokers through ib_insync: the adapter behind the Broker port.

The library is imported inside `async start()` only. Everything that it says is copied by taps
(`taps`), put into our words by pure code (`translate`, `codes`, `state`), and carried into
the report lane; nothing of the library is kept across a connection.
"""
