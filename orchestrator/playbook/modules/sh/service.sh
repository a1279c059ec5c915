# shellcheck shell=sh disable=SC2034,SC2154
# A service of any manager; needs systemd.sh. Variables: those of systemd.sh, use, pattern, runlevel, sleep, words, and
# foreign, the arguments that only systemd knows.

service_unit() {
    case $use in
        systemd*) systemd_unit; return ;;
        auto | service)
            # sd_booted(3)
            [ ! -d /run/systemd/system ] || { systemd_unit; return; }
        ;;
    esac
    say init 1
    [ -z "$foreign" ] || { say failed foreign; return 1; }
    service_find && service_enable && service_state
}

# `tool` with its first words runs the service's actions.
service_find() {
    script=/etc/init.d/$unit
    if [ "$use" != sysvinit ] && command -v rc-service >/dev/null; then
        [ -e "$script" ] || { say failed missing; return 1; }
        tool=openrc
    elif [ -x "$script" ]; then
        tool=script
    else
        say failed missing
        return 1
    fi
}

service_do() {
    if [ "$tool" = openrc ]; then
        eval "rc-service -- \"\$unit\" $1 $words"
    else
        eval "\"\$script\" $1 $words"
    fi
}

service_enabled() {
    if [ "$tool" = openrc ]; then
        [ -e "/etc/runlevels/$runlevel/$unit" ]
        return
    fi
    for link in /etc/rc?.d/S??"$unit" /etc/rc.d/rc[35].d/S??"$unit"; do
        [ ! -e "$link" ] || return 0
    done
    return 1
}

service_enable() {
    [ -n "$enabled" ] || return 0
    now=no
    ! service_enabled || now=yes
    [ "$now" != "$enabled" ] || return 0
    say changed 1
    [ -z "$check" ] || return 0
    service_link || { rc=$?; say failed "$([ "$enabled" = yes ] && echo enable || echo disable)"; return "$rc"; }
}

service_link() {
    if [ "$tool" = openrc ]; then
        [ "$enabled" = yes ] && verb=add || verb=delete
        rc-update -- "$verb" "$unit" "$runlevel"
    elif command -v update-rc.d >/dev/null; then
        [ "$enabled" = yes ] || { update-rc.d "$unit" disable; return; }
        set -- /etc/rc?.d/K??"$unit"
        [ -e "$1" ] || update-rc.d "$unit" defaults || return
        update-rc.d "$unit" enable
    elif command -v chkconfig >/dev/null; then
        [ "$enabled" = yes ] || { chkconfig "$unit" off; return; }
        chkconfig --add "$unit" && chkconfig "$unit" on
    else
        echo "the host has neither update-rc.d nor chkconfig" >&2
        return 1
    fi
}

service_running() {
    if [ -n "$pattern" ]; then
        case $(ps auxww 2>/dev/null || ps w) in *"$pattern"*) return 0 ;; *) return 1 ;; esac
    fi
    said=$(service_do status 2>/dev/null)
    rc=$?
    # LSB Core 4.1, Init Script Actions
    case $rc in 1 | 2 | 3 | 4 | 69) return 1 ;; esac
    [ "$tool" != openrc ] || { case $said in *started*) return 0 ;; *) return 1 ;; esac; }
    service_said && return
    [ $? = 2 ] && [ "$rc" = 0 ]
}

# Scripts that know no status codes say it in one line: 0 running, 1 not, 2 no word of it.
service_said() {
    case $said in *"$nl"*) return 2 ;; esac
    said=$(printf '%s' "$said" | tr '[:upper:]' '[:lower:]')
    while :; do case $said in
        *"$unit"*) said=${said%%"$unit"*}${said#*"$unit"} ;;
        *) break ;;
    esac; done
    case $said in
        *stop*) return 1 ;;
        *run*) case $said in *'not '*) return 1 ;; esac ;;
        *start*) case $said in *'not '*) return 2 ;; esac ;;
        *'could not access pid file'* | *'is dead and pid file exists'* | *'dead but '*) return 1 ;;
        *) return 2 ;;
    esac
}

service_state() {
    nl='
'
    [ -n "$state" ] || return 0
    now=stopped
    ! service_running || now=running
    case $state:$now in
        started:running | stopped:stopped) return 0 ;;
        started:* | reloaded:stopped) verb=start ;;
        stopped:*) verb=stop ;;
        reloaded:*) verb=reload ;;
        *) verb=restart ;;
    esac
    say changed 1
    [ -z "$check" ] || return 0
    service_act || { rc=$?; say failed "$verb"; return "$rc"; }
}

# Not every script knows restart. What starts a daemon is not captured: the daemon may keep the output open.
service_act() {
    if [ "$tool" = openrc ]; then
        [ "$verb:$rc" != start:32 ] || service_do zap
        service_do "$verb"
    elif [ "$verb" = restart ]; then
        service_do stop
        [ "$sleep" = 0 ] || sleep "$sleep"
        service_do start
    else
        service_do "$verb"
    fi
}
