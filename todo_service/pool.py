"""The pool of database connections: SQLAlchemy's, with numbers, and a short way for who need not wait."""

from typing import Any

from sqlalchemy.pool import QueuePool
from sqlalchemy.util import queue

from todo_service import metrics


class Idle(queue.Queue[Any]):
    """Connections that nobody uses. To take one of several, or to put one back for which nobody waits, needs
    no lock: what a deque does is done in one piece. That saves each request two locks and twenty calls."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.waiting = 0

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        try:
            return self.queue.popleft()
        except IndexError:
            return self.wait(timeout) if block else super().get(block)

    def wait(self, timeout: float | None) -> Any:
        """Wait for a connection.

        Raises:
            Empty: none was put back in time.
        """
        metrics.pool_waits.inc()
        with self.mutex:
            self.waiting += 1  # before it is looked whether there is one: who puts one back looks behind that
        try:
            return super().get(True, timeout)
        except queue.Empty:
            metrics.pool_timeouts.inc()
            raise
        finally:
            with self.mutex:
                self.waiting -= 1

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        if self._full():
            super().put(item, block, timeout)
            return
        self.queue.append(item)
        if self.waiting:
            with self.not_empty:
                self.not_empty.notify()


class MeasuredPool(QueuePool):
    """SQLAlchemy's usual pool, with the numbers an operator wants to see."""

    _queue_class = Idle

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        metrics.sampled[metrics.pool_in_use] = self.checkedout
