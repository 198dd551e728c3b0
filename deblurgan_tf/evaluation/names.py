"""The names of the methods, in the order of the tables; `methods` has what they do."""

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
