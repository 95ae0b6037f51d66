"""Remember: one SQLite file with one writing connection.

Imports only the engine's vocabulary, ports and errors.

connect, migrate     open the file; bring it to the newest schema
writer, journal      the one writer; append, replay and snapshot events
codec, projections   event to row and back; event to the tables that screens read
bars, latest         the bar cache; latest quotes and the engine's heartbeat
controls             operator requests, in a small file of their own
watch, queries       what changed; what screens and commands read
backup, rewind       copies and checks; the journal folded to an instant
"""
