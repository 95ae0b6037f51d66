"""The only door to a broker.

router turns one command into one broker call, modes is the table of what each mode is wired
to and may do, pacing keeps to the message limit.
"""
