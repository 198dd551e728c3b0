#!/bin/bash
# On the lent machine: bash bring.sh UNTIL FROM TO copies what FROM holds at UNTIL, in Unix
# seconds, or as soon as the stay is over.
while [ "$(date +%s)" -lt "$1" ] && ! grep -q "\] over" /tmp/session.log; do sleep 0.5; done
cp "$2"/[a-z]* "$3"/
cp /tmp/session.log "$3"/session.log
tail -n 40 /tmp/session.log
