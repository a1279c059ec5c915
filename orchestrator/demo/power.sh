#!/bin/sh
# power HOST off|on - the power cut of a demo host: its SSH server and all its connections are gone, or it is back.
set -eu
folder="$(dirname "$0")/hosts/${1:?a host}"
cd "$folder"
case "${2-}" in
off)
    pid="$(cat sshd.pid)"
    # shellcheck disable=SC2046  # one word a process
    kill $(cat "/proc/$pid/task/$pid/children") "$pid"
    ;;
on)
    sshd="$(PATH="$PATH:/usr/sbin:/usr/local/sbin:/sbin" command -v sshd)"
    exec "$sshd" -f "$folder/sshd_config" -E "$folder/said"
    ;;
*)
    echo "usage: $0 HOST off|on" >&2
    exit 2
    ;;
esac
