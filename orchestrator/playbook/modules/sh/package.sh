# shellcheck shell=sh disable=SC2034,SC2154
# Which package manager the host has. On a Debian host, dnf may be there without anybody meaning to use it
# (Ansible's facts/system/pkg_mgr.py).

package_manager() {
    set -- dnf5 dnf yum apt-get apk zypper pacman
    [ ! -e /etc/debian_version ] || set -- apt-get "$@"
    for tool; do
        command -v "$tool" >/dev/null || continue
        say manager "${tool%-get}"
        return
    done
}
