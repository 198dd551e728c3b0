#!/bin/bash
# On the lent machine: bash add.sh PART takes a part of pack_tensorflow.py and unpacks it
# while the next one travels; main.sh waits for all of them.
NAME=$(basename "$1")
mkdir -p /tmp/parts
cp -r "$1" /tmp/parts/
setsid nohup bash -c "python3 /tmp/code/unpack.py /tmp/parts/$NAME && rm -r /tmp/parts/$NAME" \
    >>/tmp/unpack.log 2>&1 </dev/null &
