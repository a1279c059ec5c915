# ---- start ------------------------------------------------------------------------------------------------------

verb_version() { # "user UID", as whom it runs
    put user "$(id -u)"
}

main() {
    verb=${1-}
    [ "$#" -gt 0 ] && shift
    case $verb in
    version | vitals | ports | inspect | close | unit-stop | top | who | kick | block | unblock | blocks | follow) ;;
    *) verb=usage ;;
    esac
    put hostctl "$FORMAT" "$verb"
    keep_ports=''
    case $verb:${1-} in
    inspect:--keep-ports | close:--keep-ports | unit-stop:--keep-ports)
        is_list "${2-}" 65535 && keep_ports=$2 || fail "--keep-ports takes port numbers"
        shift 2
        ;;
    esac
    case $verb:$# in
    version:0) verb_version ;;
    vitals:0) verb_vitals ;;
    ports:0) verb_ports ;;
    inspect:*) verb_inspect "$@" ;;
    close:*) verb_close "$@" ;;
    unit-stop:*) verb_unit_stop "$@" ;;
    top:0) verb_top ;;
    who:0) verb_who ;;
    kick:*) verb_kick "$@" ;;
    blocks:0) verb_blocks ;;
    block:*) verb_block "$@" ;;
    unblock:*) verb_unblock "$@" ;;
    follow:*) verb_follow "$@" ;;
    *) fail "usage: hostctl VERB ...: see its beginning" ;;
    esac
    put end
}

requested() { # VERB|'': reads one line, "VERB ARGUMENT..." with single spaces between, and does it; refuses any other input
    _request=$(head -c "$((MAX_REQUEST + 1))" | tr '\000' '?' && echo .)
    _request=${_request%.}
    _line=${_request%?}
    case $_line in
    '' | ' '* | *' ' | *'  '* | *[!A-Za-z0-9:,._@\\\ -]*) _line=unreadable ;;
    esac
    [ "${#_request}" -le "$MAX_REQUEST" ] && [ "$_request" = "$_line
" ] || _line=unreadable
    case $_line in "$1"*) ;; *) _line=unreadable ;; esac
    # shellcheck disable=SC2086 # words of harmless characters, among them none that could be a pattern
    main $_line </dev/null
}

case $* in request) requested '' ;; follow) requested 'follow ' ;; *) main "$@" </dev/null ;; esac
