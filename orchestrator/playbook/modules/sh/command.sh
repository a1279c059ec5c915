# shellcheck shell=sh disable=SC2034,SC2154
# Becoming a command. Variables: check, expands, executable and those of guard.sh.

# command_located NAME: whether there is a program of that name; $errno says why not.
# Looked up by ourselves, because exec's own failure cannot be told from a program's exit status.
command_located() {
    errno=2
    case $1 in
    */*)
        [ -e "$1" ] && errno=13
        [ -x "$1" ] && [ ! -d "$1" ]
        return
        ;;
    esac
    set -f
    IFS=:
    for folder in $PATH; do
        [ -e "${folder:-.}/$1" ] || continue
        errno=13
        [ -f "${folder:-.}/$1" ] && [ -x "${folder:-.}/$1" ] && errno=0 && break
    done
    unset IFS
    set +f
    [ "$errno" = 0 ]
}

# command_run WORD...: become that program.
command_run() {
    guard || return
    [ -z "$check" ] || return 0
    if [ -n "$expands" ]; then
        count=$#
        while [ "$count" -gt 0 ]; do
            expand_word "$1"
            shift
            set -- "$@" "$expanded"
            count=$((count - 1))
        done
    fi
    if ! command_located "$1"; then
        say errno "$errno"
        return
    fi
    eval "${_o_env-}"
    exec "$@"
}

# shell_run COMMAND: give it to $executable.
shell_run() {
    guard || return
    [ -z "$check" ] || return 0
    if ! command_located "$executable"; then
        say errno "$errno"
        return
    fi
    set -- "$executable" -c "$1"
    eval "${_o_env-}"
    exec "$@"
}
