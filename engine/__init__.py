"""Decide and act: knows no SQL and no screen.

The way of everything is take, decide, journal, evolve, act, publish. From top to bottom
(a lower line never imports a higher one; those on one line do not import each other):

research                                       the same loop over recorded data
runtime                                        inbox, loop, recovery, jobs, supervisor
execution | brokers | market | schedule | notify   the doors to the outside world
ports, settings                                what the inside asks of the outside
core | exchange                                the pure heart; the pure simulated exchange
strategy | options | risk | checks             pure: prices and state to decisions
domain                                         the vocabulary: frozen values
errors                                         the one tree of exceptions
"""
