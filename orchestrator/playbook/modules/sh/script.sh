# shellcheck shell=sh disable=SC2034,SC2154
# Running a program that comes on standard input. Variables: check, interpreted and those of guard.sh.

# script_run LINE: run LINE, in which /proc/self/fd/9 is the program that comes on standard input.
script_run() {
    guard || return
    [ -z "$check" ] || return 0
    file=$(umask 077 && mktemp "${TMPDIR:-/tmp}/.script.XXXXXXXXXX") || { say stopped file; return 1; }
    if ! { cat >"$file" && chmod 0700 "$file" && exec 9<"$file"; }; then
        rm -f -- "$file"
        say stopped file
        return 1
    fi
    interpreter=
    if [ -z "$interpreted" ] && [ ! -x "$file" ]; then # the file system is mounted noexec
        IFS= read -r first <"$file"
        case $first in '#!'*) interpreter=${first#'#!'} ;; *) interpreter=/bin/sh ;; esac
    fi
    rm -f -- "$file"
    set -- /bin/sh -c "$interpreter $1"
    eval "${_o_env-}"
    exec "$@" </dev/null
}
