"""What happens on file descriptors, told to one thread each time: by epoll on Linux, by kqueue elsewhere."""

import sys
from contextlib import suppress

if sys.platform == "linux":
    from select import EPOLLIN, EPOLLONESHOT, EPOLLOUT, epoll

    class Poller:
        """Tells once what a descriptor was armed for; any number of threads may wait for the next."""

        def __init__(self) -> None:
            self.epoll = epoll()

        def arm(self, fd: int, *, write: bool = False) -> None:
            """Tell when there is something to read, or room to write."""
            event = (EPOLLOUT if write else EPOLLIN) | EPOLLONESHOT
            try:
                self.epoll.modify(fd, event)
            except FileNotFoundError:
                self.epoll.register(fd, event)

        def disarm(self, fd: int) -> None:
            with suppress(FileNotFoundError):
                self.epoll.unregister(fd)

        def next(self) -> int:
            """Wait until something happens on any descriptor; return which."""
            ((fd, _),) = self.epoll.poll(maxevents=1)
            return fd

else:
    from select import KQ_EV_ADD, KQ_EV_DELETE, KQ_EV_ONESHOT, KQ_FILTER_READ, KQ_FILTER_WRITE, kevent, kqueue

    class Poller:
        """The same with kqueue, as macOS and the BSDs have it."""

        def __init__(self) -> None:
            self.kqueue = kqueue()

        def arm(self, fd: int, *, write: bool = False) -> None:
            event = KQ_FILTER_WRITE if write else KQ_FILTER_READ
            self.kqueue.control([kevent(fd, event, KQ_EV_ADD | KQ_EV_ONESHOT)], 0)

        def disarm(self, fd: int) -> None:
            for event in (KQ_FILTER_READ, KQ_FILTER_WRITE):
                with suppress(FileNotFoundError):
                    self.kqueue.control([kevent(fd, event, KQ_EV_DELETE)], 0)

        def next(self) -> int:
            (event,) = self.kqueue.control(None, 1, None)
            return event.ident
