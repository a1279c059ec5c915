# shellcheck shell=sh disable=SC2034,SC2154
# Packages by dpkg and apt-get. Variables: clock, release, policy_rc_d.

apt_environment() {
    export LC_ALL=C.UTF-8 LANG=C.UTF-8 LANGUAGE=C.UTF-8
    export DEBIAN_FRONTEND=noninteractive DEBIAN_PRIORITY=critical
}

apt_stamp() {
    for stamp in /var/lib/apt/periodic/update-success-stamp /var/lib/apt/lists; do
        [ -e "$stamp" ] && { say stamp "$(stat -c %Y "$stamp")"; return; }
    done
}

# What dpkg and apt know of the packages NAME...; all of it is read from files, nothing is computed.
apt_look() {
    for tool in apt-get apt-cache dpkg dpkg-query; do
        command -v "$tool" >/dev/null || { say missing "$tool"; return 1; }
    done
    apt_stamp
    [ -z "$clock" ] || say now "$(date +%s)"
    say aptitude "$(command -v aptitude)"
    [ $# != 0 ] || return 0
    say architecture "$(dpkg --print-architecture)"
    # shellcheck disable=SC2016  # dpkg's variables
    format='${Package} ${Architecture} ${db:Status-Status} ${Version}\n'
    # Its status is 1 as soon as one of the names is unknown.
    say status "$(dpkg-query --show --showformat="$format" "$@" 2>/dev/null)"
    states=/var/lib/apt/extended_states
    [ ! -e "$states" ] || say automatic "$(awk -v want=" $* " '
        /^Package: / { name = $2 }
        /^Architecture: / { full = name ":" $2 }
        /^Auto-Installed: 1/ && (index(want, " " name " ") || index(want, " " full " ")) { print name }' "$states")"
}

apt_names() {
    apt_environment
    apt-cache pkgnames
}

apt_policy() {
    apt_environment
    [ -z "$release" ] || set -- -o "APT::Default-Release=$release" "$@"
    apt-cache policy "$@"
}

apt_provided() {
    apt_environment
    say by "$(apt-cache showpkg "$1" | awk 'seen && NF { print; exit } /^Reverse Provides:/ { seen = 1 }')"
}

apt_update() {
    apt_environment
    apt-get -q -o APT::Update::Error-Mode=any update </dev/null
    rc=$?
    apt_stamp
    return $rc
}

apt_manual() {
    apt_environment
    apt-mark manual "$@"
}

# COMMAND..., with invoke-rc.d told `policy_rc_d` meanwhile where that is not empty.
apt_run() {
    apt_environment
    if [ -n "$policy_rc_d" ]; then
        policy=/usr/sbin/policy-rc.d
        kept=$policy.kept.$$
        [ ! -e "$policy" ] || mv -- "$policy" "$kept" || return
        trap 'if [ -e "$kept" ]; then mv -- "$kept" "$policy"; else rm -f -- "$policy"; fi' EXIT
        trap 'exit 143' HUP INT TERM
        printf '#!/bin/sh\nexit %d\n' "$policy_rc_d" >"$policy" && chmod 0755 "$policy" || return
    fi
    "$@" </dev/null
}
