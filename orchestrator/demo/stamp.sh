#!/bin/sh
# stamp FIFO LOG HOST - what sshd says into the FIFO goes to the LOG as syslog would write it, so that it can be followed.
set -eu
cr="$(printf '\r')"
exec <>"$1" >>"$2"
while IFS= read -r line; do
    printf '%s %s sshd: %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$3" "${line%"$cr"}"
done
