"""The pool of database connections, which says how it fares."""

from typing import Any

from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool

from todo_service import metrics


class MeasuredPool(QueuePool):
    """SQLAlchemy's usual pool, with the numbers an operator wants to see."""

    def _do_get(self) -> Any:
        if self.checkedout() >= self.size():
            metrics.pool_waits.inc()
        try:
            return super()._do_get()
        except PoolTimeout:
            metrics.pool_timeouts.inc()
            raise
        finally:
            metrics.pool_in_use.set(self.checkedout())

    def _do_return_conn(self, record: Any) -> None:
        super()._do_return_conn(record)
        metrics.pool_in_use.set(self.checkedout())
