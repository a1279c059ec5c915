# shellcheck shell=sh disable=SC2034,SC2154
# What may keep a command from running. Variables: chdir, creates, removes.

# guard_matches PATTERN: whether a file of that name, or one that fits the pattern, exists.
guard_matches() {
    expand_word "$1"
    case $expanded in
    *[*?[]*)
        IFS=''
        # shellcheck disable=SC2086 # expanding the pattern is the point
        set -- $expanded
        unset IFS
        ;;
    *) set -- "$expanded" ;;
    esac
    [ -e "$1" ] || [ -h "$1" ]
}

# guard: go to $chdir; fails when there is nothing to run, and says why.
guard() {
    if [ -n "${chdir-}" ]; then
        expand_word "$chdir"
        case $expanded in -*) expanded=./$expanded ;; esac
        if ! CDPATH='' cd "$expanded" 2>/dev/null; then
            say stopped chdir
            return 1
        fi
    fi
    if [ -n "${creates-}" ] && guard_matches "$creates"; then
        say stopped creates
        return 1
    fi
    if [ -n "${removes-}" ] && ! guard_matches "$removes"; then
        say stopped removes
        return 1
    fi
}
