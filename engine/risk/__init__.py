"""Say yes or no to an order before anything is written as sent. Pure.

limits says what is allowed and where each limit comes from, reasons names every refusal,
gate checks one order against the state and the limits.
"""
