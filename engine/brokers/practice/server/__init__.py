"""The gateway's half of the practice broker: sessions, requests, frames; it dies at a restart.

server      who is connected, who hears what, what happens to a frame
connection  one socket: greeting, frames, pace guard, write limit
session     one started client and what it asked to be told
translate   the venue's facts as words of the wire, and back
order, quote, account, reference    what is done for each request
mischief    faults of sockets, sessions and frames
pace        how the venue's time passes
record      every frame, readable, as JSON lines
"""
