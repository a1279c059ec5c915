# shellcheck shell=sh disable=SC2034,SC2154
# Restarting the host. Variables: folders (words), command.

# reboot_line LINE: a command line of the operator's.
reboot_line() {
    exec /bin/sh -c "$1" </dev/null
}

# reboot_find NAME: $found is NAME in one of $folders.
reboot_find() {
    name=$1
    eval "set -- $folders"
    for folder; do
        found=$folder/$name
        [ ! -x "$found" ] || return 0
    done
    say failed "Unable to find command \"$name\" in search paths: $*"
    return 1
}

# reboot_now MINUTES MESSAGE: go down after so long.
reboot_now() {
    if [ -n "$command" ]; then
        program=${command%% *}
        case $program in
        /*) line=$command ;;
        *)
            reboot_find "$program" || return
            line=$found${command#"$program"}
            ;;
        esac
        /bin/sh -c "$line" </dev/null
    elif [ -e /etc/alpine-release ]; then
        reboot_find reboot && "$found" </dev/null
    else
        reboot_find shutdown && "$found" -r "$1" "$2" </dev/null
    fi
}
