# shellcheck shell=sh
# What bootstrap wants to know of a host before it begins. Changes nothing; sudo -n asks nobody.
say uid "$(id -u)"
say machine "$(uname -m)"
# Read, not run: it is a shell's assignments, os-release(5), but need not be.
say system "$(sed -n 's/^PRETTY_NAME="\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' /etc/os-release 2>/dev/null | tail -n 1)"
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
