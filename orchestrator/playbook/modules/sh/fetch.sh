# shellcheck shell=sh disable=SC2034,SC2154
# Downloads on the host by its own curl or wget; needs files.sh. Variables: url, for_curl and for_wget (what each reads
# as configuration: nothing that may be secret is on a command line, where all users see it), secret (there is
# something that only such a configuration may tell), agent, patience (seconds), certain (certificates are checked), proxied,
# netrc, decompress, tmp_dest.

# fetch_begin: $scratch, a private folder that goes when the program ends.
fetch_begin() {
    begin "$tmp_dest"
    folder=${expanded:-${TMPDIR:-/tmp}}
    [ -d "$folder" ] || { [ -e "$folder" ] && fail "$folder is a file but should be a directory."; }
    [ -d "$folder" ] || fail "$folder directory does not exist."
    scratch=$(umask 077 && mktemp -d "$folder/.fetch.XXXXXXXXXX") || fail "could not make a folder in $folder"
    trap 'rm -rf "$scratch"' EXIT
    trap 'exit 143' HUP INT TERM
}

# fetch GET|HEAD [DATE]: $url in $scratch/body, what the server said of it as status, length, name and location.
# Fails for anything but success, or with a DATE, status 304.
fetch() {
    : >"$scratch/body"
    if command -v curl >/dev/null; then
        fetch_curl "$@"
    elif command -v wget >/dev/null; then
        case $(wget --version 2>/dev/null) in
            'GNU Wget '*) fetch_wget "$@" ;;
            *) fetch_busybox "$@" ;;
        esac
    else
        fail "the host has neither curl nor wget to download with"
    fi
    rc=$?
    fetch_answer
    [ "$status" != 304 ] || [ -z "$2" ] || return 0
    case $url in
        http*)
            say status "$status"
            case $status in
                200) ;;
                '') fetch_failed "Connection failure" ;;
                *)
                    say response "HTTP Error $status: $phrase"
                    fail "Request failed"
                    ;;
            esac
            ;;
    esac
    [ "$rc" = 0 ] || fetch_failed "Request failed"
    [ "$encoding:$decompress" != gzip:1 ] || [ "$1" = HEAD ] || fetch_unpack
}

fetch_failed() {
    fail "$1: $(tail -n 3 "$scratch/said" | tr '\n' ' ')"
}

fetch_unpack() {
    gzip -dc <"$scratch/body" >"$scratch/plain" || fail "could not decompress the answer"
    mv "$scratch/plain" "$scratch/body"
}

fetch_curl() {
    verb=$1 since=$2
    set -- --silent --show-error --location --max-redirs 10 --globoff --proto =http,https,ftp,file \
        --proto-redir =http,https,ftp --connect-timeout "$patience" --speed-limit 1 --speed-time "$patience"
    # With --head, curl takes the headers for the content.
    if [ "$verb" = GET ]; then set -- "$@" --output "$scratch/body"; else set -- "$@" --head --output /dev/null; fi
    [ -n "$certain" ] || set -- "$@" --insecure
    [ -n "$proxied" ] || set -- "$@" --noproxy '*'
    [ -z "$netrc" ] || set -- "$@" --netrc-optional
    [ -z "$since" ] || set -- "$@" --header "If-Modified-Since: $since"
    curl --disable "$@" --config - --dump-header "$scratch/head" 2>"$scratch/said" <<END
$for_curl
END
}

fetch_wget() {
    verb=$1 since=$2
    set -- --no-verbose --server-response --tries=1 --max-redirect=10 --timeout="$patience"
    [ "$verb" = GET ] || set -- "$@" --method=HEAD
    [ -n "$certain" ] || set -- "$@" --no-check-certificate
    [ -n "$proxied" ] || set -- "$@" --no-proxy
    [ -n "$netrc" ] || set -- "$@" --no-netrc
    [ -z "$since" ] || set -- "$@" --header="If-Modified-Since: $since"
    # It refuses to read its configuration from a pipe; the folder is for our eyes only.
    printf '%s\n' "$for_wget" >"$scratch/wgetrc"
    printf '%s\n' "$url" >"$scratch/url"
    wget --config="$scratch/wgetrc" --input-file="$scratch/url" "$@" --output-document="$scratch/body" 2>"$scratch/head"
    set -- $?
    cp "$scratch/head" "$scratch/said"
    return "$1"
}

fetch_busybox() {
    [ -z "$secret" ] ||
        fail "the host's wget takes passwords and headers on its command line only, where all users see them: install curl"
    case $certain:$url in
        1:https:*) fail "the host's wget does not check certificates: install curl, or set validate_certs to false" ;;
    esac
    verb=$1 since=$2
    # No -T: the busybox of Debian 12 (1.35.0) crashes of it. Its own patience is 900 s.
    set -- -q -S -U "$agent" -O "$scratch/body"
    [ "$verb" = GET ] || set -- "$@" --spider
    [ -n "$certain" ] || set -- "$@" --no-check-certificate
    [ -n "$proxied" ] || set -- "$@" -Y off
    [ -z "$since" ] || set -- "$@" --header "If-Modified-Since: $since"
    wget "$@" "$url" 2>"$scratch/head"
    set -- $?
    cp "$scratch/head" "$scratch/said"
    return "$1"
}

# fetch_answer: what the last of the answers on the way said; 64 KiB of it are enough for honest servers.
fetch_answer() {
    status='' phrase='' length='' name='' location=$url encoding=''
    return_sign=$(printf '\r')
    head -c 65536 "$scratch/head" >"$scratch/answer" 2>/dev/null || return 0
    while IFS= read -r line; do
        line=${line%"$return_sign"} line=${line#"${line%%[! ]*}"}
        value=${line#*:} value=${value#"${value%%[! ]*}"}
        case $line in
            HTTP/*)
                status=${line#* } name='' encoding='' length=''
                phrase=${status#* } status=${status%% *}
                ;;
            [Ll]ocation:*) location=${value%% *} ;;
            [Cc]ontent-[Ll]ength:*) length=$value ;;
            [Cc]ontent-[Ee]ncoding:*) encoding=$value ;;
            [Cc]ontent-[Dd]isposition:*[Ff]ilename=*) fetch_name "${value#*[Ff]ilename=}" ;;
        esac
    done <"$scratch/answer"
}

# fetch_name TEXT: $name is the file name that the server suggests, never more than one part of a path.
fetch_name() {
    case $1 in
        '"'*) name=${1#?} name=${name%%'"'*} ;;
        *) name=${1%%[; ]*} ;;
    esac
    name=${name##*/}
}

# fetch_named: $name, from the address that answered when the server suggested none.
fetch_named() {
    if [ -z "$name" ]; then
        case $location in *://*) path=${location#*://} ;; *) path=host$location ;; esac
        path=${path%%[?#]*}
        case $path in */*) name=${path##*/} ;; esac
        : "${name:=index.html}"
    fi
    case $name in . | ..) fail "the server calls the file $name" ;; esac
}
