"""What the command `evaluate` does: methods x pictures x metrics, in many processes.

session.py       one evaluation, from the options to the written results; start here
pairs.py         a folder of pairs, with what is known about each picture
kernel_files.py  true kernels in .npy files
names.py         the names of the methods
methods.py       a name and a picture -> a restored picture
plan.py          the possible methods on all pictures: the tasks
tasks.py         one method on one picture: restored, measured, and what that depends on
workers.py       tasks in many processes, any of which may be killed
network.py       DeblurGAN, in the first process
records.py       what is done already: written at once, used after a restart
scores.py        the metrics of one restored picture
detection.py     how many plates were found
summary.py       the scores of many pictures: means, medians, intervals, wins
protocol.py      how the results were measured
report.py        results.json; with tables.py and figure.py what people look at
"""
