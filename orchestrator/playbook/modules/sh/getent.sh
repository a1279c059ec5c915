# shellcheck shell=sh disable=SC2034,SC2154
# One question to the name service; needs accounts.sh. Variable: service.

# getent_ask DATABASE [KEY]
getent_ask() {
    if command -v getent >/dev/null 2>&1; then
        getent ${service:+-s "$service"} -- "$@"
        return
    fi
    case $1 in
    passwd | shadow | group) ;;
    *)
        say failed "Failed to find required executable \"getent\", which $1 needs"
        return 1
        ;;
    esac
    if [ $# -gt 1 ]; then entry_here "$@"; else cat "/etc/$1"; fi
}
