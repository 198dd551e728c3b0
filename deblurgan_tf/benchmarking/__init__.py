"""Measuring speed: what the command `benchmark` does.

comparisons.py      what each command compares; start here
works.py            what is timed; torch_reference.py: the same in PyTorch
pipeline.py         the input pipeline
measuring.py        time, rate and memory of works: timing.py, memory.py
multiplications.py  how many a TensorFlow function makes
reports.py          the table and the JSON
"""
