# Shared by the scripts beside it, which source it from the top of the checkout; it does nothing by itself.
# shellcheck shell=sh

PYTHON_WANTED="3.11"

say() {
    printf '%s\n' "$*" >&2
}

fail() {
    say "$0: $*"
    exit 2
}

is_root() {
    [ "$(id -u)" -eq 0 ]
}

# as_root COMMAND... - run it as root, asking for sudo's password where there is somebody to ask.
as_root() {
    if is_root; then
        DEBIAN_FRONTEND=noninteractive "$@" </dev/null
    elif [ -t 0 ]; then
        sudo DEBIAN_FRONTEND=noninteractive "$@"
    else
        sudo -n DEBIAN_FRONTEND=noninteractive "$@" </dev/null
    fi
}

# apt_install PACKAGE... - install them, or say how to; silent when the list is empty.
apt_install() {
    [ $# -gt 0 ] || return 0
    command -v apt-get >/dev/null || fail "missing, and there is no apt-get here to install them with: $*"
    say "Installing packages: $*"
    # SYSTEMD_OFFLINE: programs are wanted, not the services that come with some of them (systemctl(1), environment).
    { as_root apt-get -q update && as_root env SYSTEMD_OFFLINE=1 apt-get -q -y install --no-install-recommends "$@"; } >&2 ||
        fail "could not install packages; install them and start again: sudo apt-get install $*"
}

# need PROGRAM=PACKAGE... - have every program, installing the packages of those that are missing.
need() {
    missing=""
    for pair in "$@"; do
        PATH="$PATH:/usr/sbin:/sbin" command -v "${pair%%=*}" >/dev/null || missing="$missing ${pair#*=}"
    done
    # shellcheck disable=SC2086  # one word a package
    apt_install $missing
}

# need_programs PROGRAM... - have the programs of the packages of the same names, and no more than the programs: what was
# not there before shall not come up as a service at the next boot.
need_programs() {
    for program in "$@"; do
        ! PATH="$PATH:/usr/sbin:/sbin" command -v "$program" >/dev/null || continue
        need "$program=$program"
        ! command -v systemctl >/dev/null || as_root env SYSTEMD_OFFLINE=1 systemctl --quiet disable "$program" >&2
    done
}

# find_python - print the first Python of this machine that is new enough.
find_python() {
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        if new_enough "$name"; then
            command -v "$name"
            return 0
        fi
    done
    return 1
}

new_enough() {
    "$1" -c "import sys; sys.exit(sys.version_info < tuple(map(int, '$PYTHON_WANTED'.split('.'))))" 2>/dev/null
}

# ready_venv LOCK - have .venv hold exactly what LOCK pins, and this checkout; quick when it does already.
ready_venv() {
    wanted="$(cat pyproject.toml "$1" | sha256sum | cut -d ' ' -f 1)"
    if new_enough .venv/bin/python && grep -qsx "$wanted" ".venv/installed-$1"; then
        return 0
    fi
    new_enough .venv/bin/python || make_venv
    say "Installing Python packages from $1"
    # Hashes are checked: what is installed is what was tested, or nothing.
    .venv/bin/python -m pip install --quiet --require-hashes -r "$1" >&2 </dev/null
    .venv/bin/python -m pip install --quiet --no-deps --editable . >&2 </dev/null
    printf '%s\n' "$wanted" >".venv/installed-$1"
}

make_venv() {
    is_root && ! command -v python3 >/dev/null && apt_install python3
    python="$(find_python)" || fail "Python $PYTHON_WANTED or newer is needed (Debian 12, Ubuntu 24.04 or newer have it); here is: $(python3 --version 2>&1)"
    version="$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
    "$python" -c "import ensurepip, venv" 2>/dev/null || apt_install "python$version-venv"
    "$python" -m venv --clear .venv || fail "could not make .venv with $python"
}
