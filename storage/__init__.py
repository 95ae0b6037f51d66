"""Remember: one SQLite file with one writing connection.

Imports only the engine's vocabulary, ports and errors.

start, migrate       what is checked before a file is written; its schema, step by step
journal, writer      the Journal port; the one writing connection
codec, hashchain     event to text and back; each row's hash covers the one before
projections          event to the tables that screens read
connect, store       open for reading or writing; who ran last
controls, latest     operator requests in a file of their own; heartbeat and latest quotes
head, emergency      the last durable row, told apart; notes while the database takes nothing
backup, check        copies and restore; is the file whole, do its tables say what happened
timeline, rewind     the steps of a recorded session; its tables as they were at any of them
watch, queries       what changed; what screens and commands read
"""
