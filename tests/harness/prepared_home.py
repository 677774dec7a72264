"""Homes whose PostgreSQL data folder is there already: initdb takes seconds, a copy does not."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import tempfile
from pathlib import Path

from argosy.cli.fleet import credentials, postgres
from argosy.cli.fleet.home import Home


class PreparedHomes:
    """Makes one data folder on first use and copies it, with its secrets, into new homes."""

    def __init__(self) -> None:
        self._template: Home | None = None

    def fill(self, home: Home) -> None:
        """Give `home` secrets and a data folder, unless it has them."""
        if home.credentials_file.exists():
            return
        template = self._made()
        home.prepare()
        shutil.copy(template.credentials_file, home.credentials_file)
        # cp keeps the owner, which is another account when the tests run as root.
        source = template.root / "postgres"
        subprocess.run(["cp", "-a", source, home.root / "postgres"], check=True, timeout=60)

    def remove(self) -> None:
        """Remove the template."""
        if self._template is not None:
            shutil.rmtree(self._template.root, ignore_errors=True)
            self._template = None

    def _made(self) -> Home:
        if self._template is None:
            template = Home.at(Path(tempfile.mkdtemp(prefix="argosy-template-")))
            template.prepare()
            password = credentials.ensure(template).postgres_password
            data, log = template.root / "postgres", template.log("postgres")
            asyncio.run(postgres.initialise(data, password, log))
            self._template = template
        return self._template
