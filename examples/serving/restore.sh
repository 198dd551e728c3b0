#!/usr/bin/env bash
# Restores one picture over REST with curl:  restore.sh blurred.jpg restored.png
# URL=http://host:8501/v1/models/NAME names another server or model.
set -euo pipefail
url=${URL:-http://localhost:8501/v1/models/plates}
answer=$(
    # By a pipe: a picture is too long for the command line.
    printf '{"signature_name": "serve_bytes", "instances": [{"image_bytes": {"b64": "%s"}}]}' \
        "$(base64 < "$1" | tr -d '\n')" |
        curl --silent --show-error --header 'Content-Type: application/json' \
            --data-binary @- "$url:predict"
)
restored=$(sed -n 's/.*"b64": *"\([^"]*\)".*/\1/p' <<< "$(tr -d '\n' <<< "$answer")")
if [ -z "$restored" ]; then
    printf '%s: %s\n' "$1" "$answer" >&2
    exit 1
fi
base64 -d <<< "$restored" > "$2"
