"""The names of the methods, in the order of the tables; imports nothing.

`methods` implements them. The command line needs the names before anything heavy is
imported.
"""

NAMES = (
    "blurred",
    "deblurgan",
    "richardson_lucy",
    "regularized_filter",
    "wiener",
    "blind_map",
    "blind_variational",
    "blind_edge_prediction",
    "blind_power_spectrum",
)
