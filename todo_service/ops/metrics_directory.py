"""The directory in which the processes of one service share their metrics, as files (prometheus_client's
multiprocess mode, https://prometheus.github.io/client_python/multiprocess/).

The library looks for it in the environment as it is imported, so that is set just before, by metrics.py.
Without METRICS_PORT there is no directory. It is that of PROMETHEUS_MULTIPROC_DIR where the operator has set
one, which is theirs to clean; else one of ours, that all processes with the same METRICS_PORT agree on.

Each process holds a shared lock on ours for as long as it lives (flock, on the directory itself). So who
gets the exclusive one is alone: the first, who removes what an earlier run has left, or the last, who removes
all. The same lock keeps systemd-tmpfiles from cleaning it up (tmpfiles.d(5)).
"""

import fcntl
import logging
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from threading import Thread, main_thread

from todo_service.serving import is_serving

log = logging.getLogger(__name__)

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW

held: list[int] = []  # descriptors of our directory, each with a lock


def choose() -> str | None:
    """The directory of a process that serves and has METRICS_PORT set; None for all others."""
    return os.environ.get(VARIABLE) or str(ours()) if is_serving() and port() else None


def enter() -> None:
    """Make the directory if it is not there, or no longer, and hold it while this process lives.

    Raises:
        PermissionError: somebody else has made one in place of ours.
    """
    directory = Path(os.environ[VARIABLE])
    if directory.name != ours().name and is_usable(directory):
        return
    directory = ours()  # anew: the place of the first may be gone, as XDG_RUNTIME_DIR is once one logs out
    os.environ[VARIABLE] = str(directory)
    # Not by atexit, which processes that multiprocessing has made, as Granian's are, end without.
    Thread(target=leave_with_main_thread, args=[directory]).start()
    while not hold(directory):
        pass


def is_usable(directory: Path) -> bool:
    """Whether the operator's directory, made if need be, can be written to."""
    with suppress(OSError):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if directory.is_dir() and os.access(directory, os.W_OK):
        return True
    log.error("%s cannot be used, another directory is: %s", VARIABLE, directory)
    return False


def hold(directory: Path) -> bool:
    """Make the directory, lock it; False if the last process of an earlier run was about to remove it."""
    directory.mkdir(mode=0o700, exist_ok=True)
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


def leave_with_main_thread(directory: Path) -> None:
    main_thread().join()
    leave(directory)


def leave(directory: Path) -> None:
    """Remove the directory, if no other process holds it. What one leaves that is killed, the next finds."""
    while held:
        os.close(held.pop())
    with suppress(OSError):  # another was the last, or its place is gone
        descriptor = os.open(directory, FLAGS)
        if is_alone(descriptor):
            shutil.rmtree(directory, ignore_errors=True)
        os.close(descriptor)


def ours() -> Path:
    """The one that nobody had to name: where what runs keeps its files, else among the temporary ones."""
    named = (os.environ.get(name, "") for name in ("RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR"))
    places = (place.partition(":")[0] for place in named)  # systemd may name several
    place = next((place for place in places if os.access(place, os.W_OK)), tempfile.gettempdir())
    return Path(place) / f"todo-service-metrics-{os.getuid()}-{port()}"


def port() -> int:
    """METRICS_PORT; 0 if there is none, or none that could be one: of that config.py tells."""
    try:
        return int(os.environ.get("METRICS_PORT") or 0)
    except ValueError:
        return 0
