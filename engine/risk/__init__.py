"""Say yes or no to an order before anything is written as sent. Pure.

limits says what is allowed and where each limit comes from, reasons names every refusal and
what a person can do, facts is what the gate is told, gate checks one order, latches says when
losses stop entries and when they are possible again.
"""
