"""Run the loop: take, decide, journal, evolve, act, publish.

inbox and loop carry inputs, recover settles what a crash left, jobs and heartbeat keep time,
controls brings operator requests in, supervisor starts and stops it all, clock and ids are
the only adapters that read the time and draw random bits.
"""
