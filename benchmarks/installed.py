"""Which peers this machine can run; the packages of one on Node are installed when it is needed."""

import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from benchmarks.servers import PEERS, Peer


def runnable(names: list[str]) -> list[str]:
    """Those of the peers that can run; of each that cannot, a line says why."""
    reasons = {name: obstacle(PEERS[name]) for name in names}
    for name, reason in reasons.items():
        if reason:
            print(f"{name} is skipped: {reason}.")
    return [name for name in names if not reasons[name]]


def obstacle(peer: Peer) -> str:
    """Why a peer cannot run; nothing if it can."""
    if missing := [module for module in peer.modules if not find_spec(module)]:
        return f"{', '.join(missing)} not installed"
    return installed_by_npm(peer.folder) if peer.folder else ""


def installed_by_npm(folder: Path) -> str:
    """See to it that all that the folder's lock file lists is in its node_modules; why that cannot be done.

    Packages may not run scripts of their own.
    """
    done, lock = folder / "node_modules" / ".package-lock.json", folder / "package-lock.json"
    if not shutil.which("node") or not shutil.which("npm"):
        return "Node and npm are not installed"
    if done.exists() and done.stat().st_mtime >= lock.stat().st_mtime:
        return ""
    install = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    ran = subprocess.run(install, cwd=folder, capture_output=True, text=True, check=False)
    return f"npm cannot install it: {ran.stderr.strip()[-200:]}" if ran.returncode else ""
