"""The parts of `benchmark`: timing in turn, multiplications, memory, works, reports."""
