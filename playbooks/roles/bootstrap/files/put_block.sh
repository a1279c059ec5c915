# shellcheck shell=sh disable=SC2154
# Puts $block between its marks in the file $keys, atomically and as whoever runs this. See tasks/account.yml.
set -eu
umask 077
cd "${keys%/*}" 2>/dev/null || { mkdir -- "${keys%/*}" && cd "${keys%/*}"; } || exit 1
name=${keys##*/}
if [ -e "$name" ] && { [ ! -r "$name" ] || [ ! -f "$name" ]; }; then
    echo "$keys cannot be read by its own account" >&2
    exit 1
fi
fresh=$(mktemp "$name.orchestrator.XXXXXX")
trap 'rm -f -- "$fresh"' EXIT
[ ! -e "$name" ] || cp -p -- "$name" "$fresh"
{ [ ! -e "$name" ] || cat -- "$name"; } | awk '
    { line[NR] = $0 }
    $0 == ENVIRON["mark_begin"] { first = NR }
    $0 == ENVIRON["mark_end"] { last = NR }
    END {
        if (!first || last < first) { first = NR + 1; last = NR }
        for (i = 1; i < first; i++) print line[i]
        block = ENVIRON["block"]
        sub(/\n+$/, "", block)
        print ENVIRON["mark_begin"]; print block; print ENVIRON["mark_end"]
        for (i = last + 1; i <= NR; i++) print line[i]
    }' >"$fresh"
grep -Fqx -- "$mark_end" "$fresh" # a full disk may have cut it short
sync "$fresh" 2>/dev/null || sync
mv -f -- "$fresh" "$name"
[ ! -e /sys/fs/selinux/enforce ] || restorecon -R . 2>/dev/null || :
