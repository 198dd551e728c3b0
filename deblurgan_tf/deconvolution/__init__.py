"""Classical deconvolution: with a known kernel, and in `blind` without one."""
