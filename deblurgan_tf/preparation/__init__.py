"""Making and checking data sets: what the command `prepare` does.

blur:    pairs_folder.py (a folder that describes itself), pair_making.py (one pair)
plates:  plates_folder.py, plate_cutting.py (one photo), straightening.py, limits.py
check:   checking.py, data_check.py (one data set), duplicates.py, fingerprints.py
pack:    packing.py
shared:  inputs.py, data_sets.py (what a folder holds), tables.py (texts and boxes),
         side_by_side.py (threads)
"""
