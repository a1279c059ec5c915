"""Where lookups and templates find files of the control node, and what those may hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import jinja2

from orchestrator.playbook.templating.fault import TemplateFault
from orchestrator.playbook.vault import Vault, is_encrypted

_LARGEST = 16 << 20


@dataclass(frozen=True, slots=True)
class LookupContext:
    """What lookups may use besides variables.

    `search` are the folders in which relative files are looked for, the role's first; `base` is the playbook's folder,
    where commands run. `vault` opens encrypted files and values. Templates that another one includes may also be in
    `beside`, the folders of the templates that are being rendered.
    """

    search: tuple[Path, ...] = ()
    base: Path = field(default_factory=Path)
    vault: Vault | None = None
    beside: tuple[Path, ...] = ()

    def candidates(self, name: str, kind: str = "files") -> Iterator[Path]:
        """Where `name` may be, best first: in each folder's `kind` folder, then in the folder (Ansible's order)."""
        if Path(name).expanduser().is_absolute():
            yield Path(name).expanduser()
            return
        for folder in dict.fromkeys((*self.search, self.base)):
            # In a role, tasks/ stands beside files/.
            for root in (folder.parent, folder) if folder.name == "tasks" else (folder,):
                yield root / kind / name
                yield root / name

    def find(self, name: str, kind: str = "files") -> Path | None:
        """The first of the candidates that exists."""
        return next((path for path in self.candidates(name, kind) if path.exists()), None)

    def text(self, path: Path) -> str:
        """The content of a text file, decrypted if need be. Raises TemplateFault."""
        try:
            if not path.is_file() or path.stat().st_size > _LARGEST:
                raise TemplateFault(f"{path} is no file of at most {_LARGEST >> 20} MiB")
            data = path.read_bytes()
            if is_encrypted(data):
                data = (self.vault or Vault(())).decrypt(data, str(path))
            return data.decode()
        except OSError as error:
            raise TemplateFault(f"{path} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError:
            raise TemplateFault(f"{path} is not UTF-8 text") from None

    def template_text(self, name: str) -> tuple[str, str]:
        """Content and path of the template that another one includes, imports or extends as `name`."""
        if ".." in PurePosixPath(name).parts:
            raise jinja2.TemplateNotFound(name)
        for folder in dict.fromkeys((*self.search, self.base, *self.beside)):
            for path in (folder / "templates" / name.lstrip("/"), folder / name.lstrip("/")):
                if path.is_file():
                    return self.text(path), str(path)
        raise jinja2.TemplateNotFound(name)
