"""Know when the exchange is open and when a strategy may act.

calendar knows sessions, slots are offsets from open or close, scheduler waits for the next
one and reports those it missed.
"""
