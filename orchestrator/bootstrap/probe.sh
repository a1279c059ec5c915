# What bootstrap wants to know of a host before it begins. Changes nothing; sudo -n asks nobody.
say uid "$(id -u)"
say machine "$(uname -m)"
say system "$(. /etc/os-release 2>/dev/null && printf '%s' "${PRETTY_NAME:-$NAME}")"
if [ -d /run/systemd/system ]; then
    say init systemd
elif [ -x /sbin/openrc-run ]; then
    say init openrc
elif [ -d /run/runit ]; then
    say init runit
else
    say init "$(cat /proc/1/comm 2>/dev/null)"
fi
if command -v sudo >/dev/null 2>&1; then
    if sudo -n true >/dev/null 2>&1; then say sudo free; else say sudo asks; fi
else
    say sudo none
fi
say time "$(date +%s)"
