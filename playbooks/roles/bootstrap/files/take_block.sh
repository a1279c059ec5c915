# shellcheck shell=sh disable=SC2154
# Takes what is between our marks out of the file $keys, atomically and as whoever runs this; with $made, the file too when
# nothing is left in it. See tasks/retire.yml.
set -eu
umask 077
[ -d "${keys%/*}" ] || exit 0
cd "${keys%/*}" # fails where it may not be looked into
[ -e "$keys" ] || [ -L "$keys" ] || exit 0
if [ ! -r "$keys" ] || [ ! -f "$keys" ]; then
    echo "$keys cannot be read by its own account" >&2
    exit 1
fi
keys=$(readlink -f -- "$keys")
cd "${keys%/*}"
name=${keys##*/}
lines=$(awk '
    $0 == ENVIRON["mark_begin"] { first = NR }
    $0 == ENVIRON["mark_end"] { last = NR }
    END { if (first && last >= first) print first "," last }' "$name")
if [ -n "$lines" ]; then
    fresh=$(mktemp "$name.orchestrator.XXXXXX")
    trap 'rm -f -- "$fresh"' EXIT
    cp -p -- "$name" "$fresh"
    sed "${lines}d" "$name" >"$fresh"
    ours=$(sed -n "${lines}p" "$name" | wc -c)
    [ "$(wc -c <"$fresh")" -eq "$(($(wc -c <"$name") - ours))" ] # a full disk may have cut it short
    sync "$fresh" 2>/dev/null || sync
    mv -f -- "$fresh" "$name"
    [ ! -e /sys/fs/selinux/enforce ] || restorecon "$name" 2>/dev/null || :
fi
[ -z "$made" ] || [ -s "$name" ] || rm -f -- "$name"
