# shellcheck shell=sh disable=SC2034,SC2154
# Packages by rpm and whichever of dnf's family there is. Variable: root (empty for the host's own).

dnf_rpm() {
    if [ -n "$root" ]; then rpm --root "$root" "$@"; else rpm "$@"; fi
}

# dnf_look SPEC...: which of them are installed, and of which a newer version is.
dnf_look() {
    command -v rpm >/dev/null || { say missing rpm; return 1; }
    for tool in dnf5 dnf microdnf yum ''; do ! command -v "$tool" >/dev/null || break; done
    [ -n "$tool" ] || { say missing dnf; return 1; }
    # What is called dnf may be dnf5.
    case $tool:$(readlink -f "$(command -v "$tool")") in dnf:*/dnf5) tool=dnf5 ;; esac
    say tool "$tool"
    if [ $# != 0 ] && dnf_rpm -q "$@" >/dev/null 2>&1; then
        say all 1
        return
    fi
    for spec; do
        if dnf_rpm -q "$spec" >/dev/null 2>&1 || dnf_rpm -q --whatprovides "$spec" >/dev/null 2>&1; then
            say installed "$spec"
        elif dnf_newer "${spec%-*}" "${spec##*-}" '%{VERSION}' ||
            dnf_newer "${spec%-*-*}" "${spec#"${spec%-*-*}"-}" '%{VERSION}-%{RELEASE}'; then
            say newer "$spec"
        fi
    done
}

# dnf_newer NAME VERSION FORMAT: whether $spec means NAME in that VERSION, and a later one is installed. A package may
# itself be called so (php-7zip): dnf knows.
dnf_newer() {
    [ "$1" != "$spec" ] && [ -n "$2" ] || return
    have=$(dnf_rpm -q --queryformat "$3\n" "$1" 2>/dev/null | tail -n 1) && [ -n "$have" ] || return
    case $have$2 in *[!A-Za-z0-9.+~^_-]*) return 1 ;; esac
    case $have in *' is not installed') return 1 ;; esac
    [ "$(rpm --eval "%{lua: print(rpm.vercmp('$have', '$2'))}")" = 1 ] || return
    [ "$("$tool" -q repoquery --queryformat '%{name}\n' "$spec" 2>/dev/null | sed '/^$/d' | sort -u)" = "$1" ]
}

dnf_matching() {
    dnf_rpm -qa --queryformat '%{NAME}\n' "$@"
}

dnf_all() {
    dnf_rpm -qa --queryformat '%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}\n'
}

# dnf_run COMMAND...: with what was installed before and after.
dnf_run() {
    export LC_ALL=C.UTF-8 LANG=C.UTF-8 LANGUAGE=C.UTF-8
    [ -n "$check" ] || before=$(dnf_all)
    "$@" </dev/null
    rc=$?
    [ -n "$check" ] || { say before "$before"; say after "$(dnf_all)"; }
    return "$rc"
}
