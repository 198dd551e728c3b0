#!/bin/bash
# On the lent machine, before TensorFlow is there: PART holds pkg, code, cuda and start.npz.
# Puts them to /tmp and begins to render. bash first.sh PART [READER]
set -e
PART=$(realpath "$1")
READER=$(realpath -m "${2:-none}")
cp -r "$PART/pkg" "$PART/code" "$PART/cuda" "$PART/start.npz" /tmp/
xz -d /tmp/cuda/bin/ptxas.xz; chmod +x /tmp/cuda/bin/ptxas
mkdir -p /tmp/data /tmp/reader_data
export PYTHONPATH=/tmp/pkg OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
cd /tmp/code
setsid nohup nice -n 15 bash -c "
    python3 render.py /tmp/data --size 192x352 --count 6000 --processes 8 --seed 3
    python3 render.py /tmp/data --size 256x384 --count 2500 --processes 8 --seed 5
    python3 render.py /tmp/data --size 192x352 --first 6000 --count 26000 --processes 8 --seed 3
    python3 render.py /tmp/data --size 256x384 --first 2500 --count 5000 --processes 8 --seed 5
" >/tmp/render.log 2>&1 </dev/null &
echo $! >/tmp/render.pid
if [ -d "$READER" ]; then
    cp -r "$READER" /tmp/reader
    cd /tmp/reader
    CORES=7 OUT=/tmp/reader_data setsid nohup bash prepare.sh >/tmp/prepare.log 2>&1 </dev/null &
    echo $! >/tmp/prepare.pid
fi
sleep 6
ls /tmp/data /tmp/reader_data
cat /tmp/render.log /tmp/prepare.log
nproc; free -g | head -2; nvidia-smi --query-gpu=name,memory.total,memory.used --format=csv,noheader || true
