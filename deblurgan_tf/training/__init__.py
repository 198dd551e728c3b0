"""Training: `loop` runs it, `step` is one update of the networks."""
