"""What `evaluate` is made of: methods x pictures x metrics, in many processes.

pairs.py     a folder of pairs, with what is known of each picture
methods.py   the methods by name; a name and a picture -> a restored picture
plan.py      the methods that were asked for, on all pictures: the tasks
tasks.py     one method on one picture: restored, measured, and what they depend on
workers.py   tasks in many processes, of which any may die
network.py   DeblurGAN, in the first process
records.py   what is done already: kept on the disk at once, used after a restart
scores.py    the metrics of one restored picture
summary.py   the scores of many pictures: means, medians, intervals, wins
protocol.py  how the numbers came about
report.py    results.json, and with tables.py and figure.py what people look at
"""
