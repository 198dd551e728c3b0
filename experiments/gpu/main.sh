#!/bin/bash
# On the lent machine, when all parts are there: bash main.sh UNTIL OUT, a time in Unix
# seconds. It goes on when the command that called it is over; OUT holds what there is.
WAITED=0
while ls /tmp/parts/* >/dev/null 2>&1 && [ $WAITED -lt 240 ]; do
    sleep 0.25
    WAITED=$((WAITED + 1))
done
cat /tmp/unpack.log
[ -e /tmp/gpu-env.sh ] || python3 /tmp/code/unpack.py --finish
. /tmp/gpu-env.sh
export PYTHONPATH=/tmp/pkg:$PYTHONPATH TF_CPP_MIN_LOG_LEVEL=1 PYTHONUNBUFFERED=1
export XLA_FLAGS="--xla_gpu_cuda_data_dir=/tmp/cuda" PATH=/tmp/cuda/bin:$PATH
[ -e /tmp/guest/run.sh ] && GUEST="--guest /tmp/guest"
cd /tmp/code
setsid nohup python3 session.py /tmp/data /tmp/start.npz "$2" --until "$1" $GUEST $MORE \
    --pid $(cat /tmp/render.pid) >/tmp/session.log 2>&1 </dev/null &
date +%s.%N
