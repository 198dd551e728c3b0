#!/bin/bash
# Trains for SECONDS_LEFT seconds and leaves its files in OUT_DIR. What draws the scenes is
# used where it runs already (prepare.sh), and started otherwise.
BEGAN=$(date +%s)
cd "$(dirname "$0")" || exit 1
SCENES=${SCENES:-/tmp/guest_data}
mkdir -p "$OUT_DIR"
for _ in $(seq 8); do [ -e "$SCENES/pool.json" ] || sleep 1; done
pool_is_live() {
    python3 -c "
import json, os
known = json.load(open('$SCENES/pool.json'))
os.close(os.open(known['path'], os.O_RDWR))
os.kill(known['pid'], 0)" 2>/dev/null
}
export TF_CPP_MIN_LOG_LEVEL=1
# A compiler may take the whole process down: then once more without it.
OPTIONS=${TRAIN_OPTIONS:-}
for TRY in 1 2 3; do
    LEFT=$((BEGAN + SECONDS_LEFT - $(date +%s)))
    [ "$LEFT" -lt 40 ] && break
    pool_is_live || {
        SCENES=$(mktemp -d)
        OUT=$SCENES bash prepare.sh >"$OUT_DIR/draw.log" 2>&1 &
    }
    timeout -s KILL $((LEFT + 3)) python3 train.py --seconds "$SECONDS_LEFT" \
        --began "$BEGAN" --pool "$SCENES" --output "$OUT_DIR" $OPTIONS \
        >>"$OUT_DIR/train.log" 2>&1 && break
    echo "try $TRY ended with $?" >>"$OUT_DIR/train.log"
    OPTIONS=${OPTIONS/--xla/}
    [ "$TRY" = 2 ] && OPTIONS="$OPTIONS --batch 24"
done
touch "$SCENES/stop"
tail -c 3000 "$OUT_DIR/train.log"
rm -f "$OUT_DIR/.part.npz"
tail -n 20 "$OUT_DIR/draw.log" 2>/dev/null
rm -f "$OUT_DIR/draw.log"
