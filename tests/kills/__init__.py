"""Real processes, killed with SIGKILL at random moments and started again."""
