"""The pure heart: what we know, what follows from an input, what an event changes.

state holds everything needed to decide, decide(state, input) returns events and commands,
evolve(state, event) returns the next state.
"""
