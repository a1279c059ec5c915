# shellcheck shell=sh disable=SC2034,SC2154
# The host's name; needs accounts.sh. Variables: use, check.

hostname_fail() {
    say failed "$1"
    exit 1
}

# hostname_way: $way, how this host keeps its name, as Ansible chooses it.
hostname_way() {
    way=$use
    [ -z "$way" ] || return 0
    way=debian
    if [ -d /run/systemd/system ] && command -v hostnamectl >/dev/null 2>&1; then
        way=systemd
    elif [ -e /etc/alpine-release ]; then
        way=alpine
    elif [ -e /etc/gentoo-release ]; then
        way=openrc
    elif [ -e /etc/redhat-release ] || [ -e /etc/altlinux-release ]; then
        way=redhat
    elif [ -e /etc/SuSE-release ] || [ -e /etc/HOSTNAME ]; then
        way=sles
    fi
}

# hostname_first NAME FILE: $value, what NAME= is in FILE.
hostname_first() {
    value=
    while read -r line; do
        case $line in "$1"=*) value=${line#*=} value=${value#\"} value=${value%\"} && return ;; esac
    done <"$2"
}

# hostname_put FILE: replace FILE by standard input, whole or not at all, with the mode it had.
hostname_put() {
    fresh=$(mktemp "$1.XXXXXX") && cat >"$fresh" && chmod 0644 "$fresh" && mv -f "$fresh" "$1"
}

# hostname_assign NAME FILE: the line NAME= of FILE gets our name, a new one at its end when there is none.
hostname_assign() {
    if [ -e "$2" ]; then content=$(cat "$2"); else content=; fi
    {
        found=
        while IFS= read -r line; do
            case $line in "$1"=*) line=$assigned found=1 ;; esac
            printf '%s\n' "$line"
        done <<END
$content
END
        [ -n "$found" ] || printf '%s\n' "$assigned"
    } | hostname_put "$2"
}

hostname_permanent() {
    permanent=
    case $way in
    systemd) permanent=$(hostnamectl --static status) || hostname_fail "Command failed: hostnamectl" ;;
    openrc) [ ! -e /etc/conf.d/hostname ] || hostname_first hostname /etc/conf.d/hostname && permanent=$value ;;
    redhat) [ ! -e /etc/sysconfig/network ] || hostname_first HOSTNAME /etc/sysconfig/network && permanent=$value ;;
    sles) [ ! -e /etc/HOSTNAME ] || read -r permanent </etc/HOSTNAME ;;
    generic) permanent=$name ;;
    *) [ ! -e /etc/hostname ] || read -r permanent </etc/hostname ;;
    esac
}

hostname_keep() {
    case $way in
    systemd) hostnamectl --pretty --static set-hostname "$name" ;;
    openrc) assigned="hostname=\"$name\"" && hostname_assign hostname /etc/conf.d/hostname ;;
    redhat) assigned="HOSTNAME=$name" && hostname_assign HOSTNAME /etc/sysconfig/network ;;
    sles) printf '%s\n' "$name" | hostname_put /etc/HOSTNAME ;;
    *) printf '%s\n' "$name" | hostname_put /etc/hostname ;;
    esac || hostname_fail "failed to update hostname"
}

# hostname_ensure NAME
hostname_ensure() {
    name=$1 altered=
    hostname_way
    if [ "$way" = systemd ] && [ ${#name} -gt 64 ]; then
        hostname_fail "name cannot be longer than 64 characters on systemd servers, try a shorter name"
    fi
    read -r now </proc/sys/kernel/hostname
    hostname_permanent
    # The ways that keep the name in a file alone leave the running one to the next boot, as Ansible's do.
    case $way in debian | openrc | redhat | sles) now=$permanent ;; esac
    say before "$(if [ "$now" != "$name" ]; then echo "$now"; else echo "$permanent"; fi)"
    if [ "$permanent" != "$name" ]; then
        altered=1
        [ -n "$check" ] || hostname_keep
    fi
    if [ "$now" != "$name" ]; then
        altered=1
        if [ -z "$check" ]; then
            case $way in
            debian | openrc | redhat | sles) ;;
            systemd) hostnamectl --transient set-hostname "$name" ;;
            *) hostname "$name" ;;
            esac || hostname_fail "failed to set the hostname"
        fi
    fi
    say changed "$altered"
    read -r now </proc/sys/kernel/hostname
    say now "$now"
    # What Python's getfqdn asks: the first address of the name, then the names of that address.
    if address=$(getent ahosts "$now" 2>/dev/null) && names=$(getent hosts "${address%%[[:space:]]*}"); then
        say canonical "$names"
    fi
}
