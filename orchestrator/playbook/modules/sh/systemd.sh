# shellcheck shell=sh disable=SC2034,SC2154
# A unit of systemd; nothing needed. Variables: unit, state, enabled, masked (yes, no or empty), scope, no_block, force,
# daemon_reload, daemon_reexec, check. The rules are those of Ansible's systemd_service.

systemd_unit() {
    command -v systemctl >/dev/null || { say failed systemctl; return 1; }
    nl='
'
    set --
    if [ "$scope" != system ]; then
        set -- "--$scope"
        : "${XDG_RUNTIME_DIR:=/run/user/$(id -u)}"
        export XDG_RUNTIME_DIR
    fi
    [ -z "$no_block" ] || set -- "$@" --no-block
    [ -z "$force" ] || set -- "$@" --force
    if [ -z "$check" ]; then
        [ -z "$daemon_reload" ] || systemd_manager daemon-reload "$@" || return
        [ -z "$daemon_reexec" ] || systemd_manager daemon-reexec "$@" || return
    fi
    [ -n "$unit" ] || return 0
    systemd_look "$@" || return
    [ -z "$masked" ] || systemd_mask "$@" || return
    [ -z "$enabled" ] || systemd_enable "$@" || return
    [ -z "$state" ] || systemd_state "$@"
}

systemd_offline() {
    [ "${SYSTEMD_OFFLINE-}" = 1 ] && return
    # shellcheck disable=SC3013  # dash, bash and ash all have -ef
    [ -e /proc/1/root/. ] && ! [ /proc/1/root/. -ef / ]
}

systemd_manager() {
    verb=$1
    shift
    said=$(systemctl "$@" "$verb" 2>&1) && return
    rc=$?
    systemd_offline && { say offline "$verb"; return 0; }
    say said "$said"
    say failed "$verb"
    return $rc
}

# `found`, `active` and the records of what there is. In a chroot show cannot answer, is-enabled can.
systemd_look() {
    found='' initd='' active=''
    case $unit in /*) script=$unit ;; *) script=/etc/init.d/$unit ;; esac
    [ ! -e "$script" ] || initd=1
    show=$(systemctl "$@" show -- "$unit" 2>&1)
    rc=$?
    case $show in *=*) ignored='' ;; *'ignoring request'* | *'ignoring command'*) ignored=1 ;; *) ignored='' ;; esac
    if [ "$rc" = 0 ] && [ -z "$ignored" ]; then
        say show "$show"
        show=$nl$show$nl
        case $show in *"${nl}LoadState=not-found$nl"*) ;; *"${nl}LoadState="*) found=1 ;; esac
        case $show in
            *"${nl}LoadState=masked$nl"*) ;;
            *"${nl}LoadError="*) [ -z "$found" ] || { say failed load; return 1; } ;;
        esac
        systemd_active
    else
        now=$(systemctl "$@" is-enabled -- "$unit" 2>/dev/null)
        case $now in
            enabled* | linked* | masked* | static | indirect | disabled | generated | transient) found=1 ;;
            *)
                if systemctl "$@" list-unit-files -- "$unit" >/dev/null 2>&1; then
                    found=1
                elif ! said=$(systemctl "$@" 2>&1); then
                    say said "$said"
                    say failed manager
                    return 1
                fi
            ;;
        esac
    fi
    [ -z "$initd" ] || [ -n "$found" ] || { say initd 1; found=1; }
}

# Line by line: to cut a piece out of a long text (`${show#*...}`) takes dash 40 ms, five times what systemctl takes.
systemd_active() {
    fields=$IFS
    IFS=$nl
    set -f
    for line in $show; do
        case $line in ActiveState=*) active=${line#*=}; break ;; esac
    done
    set +f
    IFS=$fields
}

systemd_change() {
    say changed 1
    [ -z "$check" ] || return 0
    verb=$1
    shift
    said=$(systemctl "$@" "$verb" -- "$unit" 2>&1) && return
    rc=$?
    say said "$said"
    say wrote "$(systemd_wrote)"
    say failed "$verb"
    return $rc
}

# What the unit wrote last, else what systemd says of it: systemctl only tells where to read that, and who is told may
# have no other way to the host.
systemd_wrote() {
    id=$unit
    case $unit in *.*) ;; *) id=$unit.service ;; esac
    case $scope in system) set -- "_SYSTEMD_UNIT=$id" "--unit=$id" ;; *) set -- "_SYSTEMD_USER_UNIT=$id" "--user-unit=$id" ;; esac
    journalctl --sync 2>/dev/null
    for lines in "$@"; do
        wrote=$(journalctl --quiet --no-pager --output=cat --since=-1min --lines=5 "$lines" 2>/dev/null)
        [ -z "$wrote" ] || break
    done
    printf %s "$wrote"
}

systemd_missing() {
    [ -n "$found" ] && return 1
    say failed missing
}

systemd_mask() {
    now=no
    [ "$(systemctl "$@" is-enabled -- "$unit" 2>/dev/null)" != masked ] || now=yes
    [ "$now" != "$masked" ] || return 0
    if [ "$masked" = yes ]; then systemd_change mask "$@"; else systemd_change unmask "$@"; fi && return
    rc=$?
    systemd_missing
    return $rc
}

# The manager's UnitFileState may be older than the links on the disk, so it alone is not believed; with the
# link there, asking again (a third of the whole cost) can only give the same answer.
systemd_is_enabled() {
    id=$unit
    case $unit in *.*) ;; *) id=$unit.service ;; esac
    if [ "$scope" = system ]; then
        case $show in *"${nl}UnitFileState=enabled$nl"*)
            case $show in *"${nl}Id=$id$nl"*)
                for link in /etc/systemd/system/*.wants/"$id" /etc/systemd/system/*.requires/"$id"; do
                    [ ! -h "$link" ] || return 0
                done
            ;; esac
        ;; esac
    fi
    # Full, as Ansible asks: the word of an alias is then followed by its links, and counts as enabled.
    word=$(systemctl "$@" --full is-enabled -- "$unit" 2>/dev/null)
    case $?:$word in
        0:enabled-runtime | 0:indirect | 0:alias) return 1 ;;
        0:*) return 0 ;;
        1:*disabled) return 1 ;;
        1:*) [ "$scope" = system ] && [ -n "$initd" ] || return 1 ;;
        *) return 1 ;;
    esac
    for link in /etc/rc?.d/S??"$unit"; do
        [ ! -e "$link" ] || return 0
    done
    return 1
}

systemd_enable() {
    ! systemd_missing || return 1
    now=no
    ! systemd_is_enabled "$@" || now=yes
    say enabled "$now"
    [ "$now" != "$enabled" ] || return 0
    if [ "$enabled" = yes ]; then systemd_change enable "$@"; else systemd_change disable "$@"; fi || return
    say enabled "$enabled"
}

systemd_state() {
    ! systemd_missing || return 1
    if [ -z "$active" ]; then
        systemd_offline && { say offline state; return 0; }
        say failed state
        return 1
    fi
    case $state:$active in
        started:active | started:activating) return 0 ;;
        stopped:active | stopped:activating | stopped:deactivating) systemd_change stop "$@" ;;
        stopped:*) return 0 ;;
        restarted:active | restarted:activating) systemd_change restart "$@" ;;
        reloaded:active | reloaded:activating) systemd_change reload "$@" ;;
        *) systemd_change start "$@" ;;
    esac
}
