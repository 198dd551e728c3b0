"""Making and checking data sets: what the command `prepare` does."""
