"""The vocabulary: frozen values that need only the standard library.

money, times and ids are the ground; instrument, market, order, fill, position, account,
signal, regime and session are the nouns; event, command and input are what the loop carries.
"""
