"""The tasks of site.yml as a deploy of pyinfra's."""

from pyinfra import host
from pyinfra.facts.files import File
from pyinfra.facts.server import Command
from pyinfra.operations import files, server, systemd

PORT = 8089

server.group(name="Group", group="app", system=True)
server.user(
    name="User", user="app", group="app", system=True, home="/srv/app", ensure_home=False, shell="/usr/sbin/nologin"
)
files.directory(name="Folder", path="/srv/app", user="app", group="app", mode="750")
files.put(name="Page", src="files/page.html", dest="/srv/app/index.html", user="app", group="app", mode="640")
settings = files.template(
    name="Settings",
    src="templates/app.conf.j2",
    dest="/etc/app.conf",
    mode="644",
    port=PORT,
    inventory_hostname=host.name,
)
files.line(
    name="A line in a file of somebody else",
    path="/etc/environment",
    line="^APP_PORT=.*",
    replace=f"APP_PORT={PORT}",
)
unit = files.put(name="Unit", src="files/app.service", dest="/etc/systemd/system/app.service", mode="644")
kernel = host.get_fact(Command, "uname -r")
if int(kernel.partition(".")[0]) >= 4 and host.get_fact(File, "/srv/app/installed") is None:
    server.shell(name="Once only", commands=["date >/srv/app/installed"])
systemd.service(name="Started, now and at every boot", service="app.service", running=True, enabled=True)
# server.wait needs netstat, which these hosts don't have, and would wait for ever.
server.shell(name="Answers", commands=[f"timeout 20 sh -c 'until ss -ltn | grep -q :{PORT}; do sleep 0.1; done'"])
systemd.service(
    name="Restart", service="app.service", restarted=True, _if=lambda: settings.did_change() or unit.did_change()
)
