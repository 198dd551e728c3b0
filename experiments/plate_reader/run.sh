#!/bin/bash
# Trains for SECONDS_LEFT seconds and leaves its files in OUT_DIR. What draws the plates is
# used where it runs already (prepare.sh), and started otherwise.
BEGAN=$(date +%s)
cd "$(dirname "$0")" || exit 1
PLATES=${PLATES:-/tmp/reader_data}
mkdir -p "$OUT_DIR"
for _ in $(seq 8); do [ -e "$PLATES/pool.json" ] || sleep 1; done
pool_is_live() {
    python3 -c "
import json, os
known = json.load(open('$PLATES/pool.json'))
os.close(os.open(known['path'], os.O_RDWR))
os.kill(known['pid'], 0)" 2>/dev/null
}
export TF_CPP_MIN_LOG_LEVEL=1
# A compiler may take the whole process down: then once more without it.
for TRY in 1 2 3; do
    LEFT=$((BEGAN + SECONDS_LEFT - $(date +%s)))
    [ "$LEFT" -lt 50 ] && break
    pool_is_live || {
        PLATES=$(mktemp -d)
        OUT=$PLATES bash prepare.sh >"$OUT_DIR/draw.log" 2>&1 &
    }
    timeout -s KILL $((LEFT + 3)) python3 train.py --seconds "$SECONDS_LEFT" \
        --began "$BEGAN" --pool "$PLATES" --output "$OUT_DIR" ${TRAIN_OPTIONS:-} \
        >>"$OUT_DIR/train.log" 2>&1 && break
    echo "try $TRY ended with $?" >>"$OUT_DIR/train.log"
    TRAIN_OPTIONS="${TRAIN_OPTIONS:-} --variants native"
    [ "$TRY" = 2 ] && TRAIN_OPTIONS="$TRAIN_OPTIONS --batch 64"
done
touch "$PLATES/stop"
tail -c 3000 "$OUT_DIR/train.log"
rm -f "$OUT_DIR/reader_part.npz"
tail -n 20 "$OUT_DIR/draw.log" 2>/dev/null
rm -f "$OUT_DIR/draw.log"
