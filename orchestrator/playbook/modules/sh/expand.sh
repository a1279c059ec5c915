# shellcheck shell=sh disable=SC2034,SC2154
# Variables and home folders in words, as Ansible's modules expand them on the host.

# expand_word WORD: $expanded is WORD as Python's expandvars, then expanduser give it (what they do not know stays).
# Only the environment counts, never a variable of ours: hence env.
# shellcheck disable=SC2016,SC2088 # dollars and tildes that are looked for
expand_word() {
    expanded='' rest=$1
    while :; do
        case $rest in *'$'*) ;; *) break ;; esac
        expanded=$expanded${rest%%'$'*} rest=${rest#*'$'}
        case $rest in
        '{'*'}'*) name=${rest#'{'} name=${name%%'}'*} whole='${'$name'}' rest=${rest#*'}'} ;;
        [A-Za-z0-9_]*) name=${rest%%[!A-Za-z0-9_]*} whole='$'$name rest=${rest#"$name"} ;;
        *) expanded=$expanded'$' && continue ;;
        esac
        case $name in
        '' | [0-9]* | *[!A-Za-z0-9_]*) ;;
        *) if env | grep -q "^$name="; then eval "whole=\$$name"; fi ;;
        esac
        expanded=$expanded$whole
    done
    expanded=$expanded$rest
    case $expanded in
    '~' | '~/'*) expanded=${HOME-'~'}${expanded#'~'} ;;
    '~'*)
        name=${expanded#'~'} name=${name%%/*}
        if account "$name"; then expanded=$account_home${expanded#"~$name"}; fi
        ;;
    esac
}
