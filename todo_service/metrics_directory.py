"""The directory in which the processes of one service share their metrics, as files (prometheus_client's
multiprocess mode, https://prometheus.github.io/client_python/multiprocess/).

The library looks for it in the environment as it is imported, so that is set just before, by metrics.py.
Without METRICS_PORT there is no directory. It is that of PROMETHEUS_MULTIPROC_DIR where the operator has set
one, which is theirs to clean; else one of ours, that all processes with the same METRICS_PORT agree on.

Each process holds a shared lock on ours for as long as it lives (flock, on the directory itself). So who
gets the exclusive one is alone: the first, who removes what an earlier run has left, or the last, who removes
all. The same lock keeps systemd-tmpfiles from cleaning it up (tmpfiles.d(5)).
"""

import atexit
import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from todo_service.serving import is_serving

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW

held: list[int] = []  # descriptors of our directory, each with a lock


def choose() -> str | None:
    """The directory of a process that serves and has METRICS_PORT set; None for all others."""
    return os.environ.get(VARIABLE) or str(ours()) if is_serving() and port() else None


def enter() -> None:
    """Make the directory if it is not there, or no longer, and hold it while this process lives.

    Raises:
        PermissionError: somebody else has made one in its place.
    """
    directory = Path(os.environ[VARIABLE])
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if directory == ours():
        atexit.register(leave)
        while not hold(directory):
            directory.mkdir(mode=0o700, exist_ok=True)


def hold(directory: Path) -> bool:
    """Lock the directory; False if the last process of an earlier run was about to remove it."""
    descriptor = os.open(directory, FLAGS)
    if os.fstat(descriptor).st_uid != os.getuid():
        raise PermissionError(f"{directory} belongs to somebody else; set {VARIABLE} to one of your own")
    if is_alone(descriptor):
        for file in directory.glob("*.db"):
            file.unlink()
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    held.append(descriptor)
    return directory.exists() and os.path.samestat(os.fstat(descriptor), directory.stat())


def is_alone(descriptor: int) -> bool:
    """Take the exclusive lock, if no process holds the directory."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def leave() -> None:
    """Remove the directory, if no other process holds it. What one leaves that is killed, the next finds."""
    while held:
        os.close(held.pop())
    with suppress(FileNotFoundError):  # another was the last
        descriptor = os.open(ours(), FLAGS)
        if is_alone(descriptor):
            shutil.rmtree(ours(), ignore_errors=True)
        os.close(descriptor)


def ours() -> Path:
    """The one that nobody had to name: where what runs keeps its files, else among the temporary ones."""
    places = (os.environ.get(name, "") for name in ("RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR"))
    place = next((place for place in places if os.access(place, os.W_OK)), tempfile.gettempdir())
    return Path(place) / f"todo-service-metrics-{os.getuid()}-{port()}"


def port() -> int:
    """METRICS_PORT; 0 if there is none, or none that could be one: of that config.py tells."""
    try:
        return int(os.environ.get("METRICS_PORT") or 0)
    except ValueError:
        return 0
