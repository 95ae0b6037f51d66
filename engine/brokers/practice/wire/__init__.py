"""The TWS API text protocol as pure tables and functions, server versions 151 to 178.

frame    length-prefixed frames, the hello of a client and its answer
value    values as text: numbers, unset, flags, instants
layout   a message's fields in order, written as text, read in both directions
order    the three long messages: placeOrder, openOrder, completedOrder
request  client to server, by number and name
answer   server to client, by number and name
"""

VERSION_MIN = 151
VERSION_MAX = 178
