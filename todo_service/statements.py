"""SQLAlchemy statements, compiled once and run on the driver's own cursor.

The service sends few statements, over and over. SQLAlchemy's session takes 0.2 ms of CPU to send one, the
driver 0.02 ms; so what requests send is written with SQLAlchemy, where a column has one name and a type, and
sent without it. Values in rows are as the driver has them: moments are naive, and in UTC.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BindParameter, ClauseElement, bindparam
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.compiler import SQLCompiler

from todo_service.extensions import db
from todo_service.transactions import Row, Sent, current_transaction, read, this_transaction

USER: BindParameter[str] = bindparam("user")  # whom all that a statement touches belongs to


class Statement:
    """A statement whose parameters have names, or values already.

    Args:
        columns: those that an INSERT or UPDATE sets; all, if nothing is said.
    """

    def __init__(self, statement: ClauseElement, columns: Sequence[str] | None = None) -> None:
        self.statement, self.columns = statement, columns
        self.compiled: dict[str, Compiled] = {}  # by dialect

    def rows(self, **values: Any) -> list[Row]:
        """Run the statement, in the current transaction if there is one; return all rows.

        Raises:
            DBAPIError: as SQLAlchemy's own execution raises it.
        """
        transaction = current_transaction()
        engine = transaction.engine if transaction else db.engine
        compiled = self.on(engine.dialect)
        parameters = compiled.parameters(values)
        if transaction:
            return compiled.converted(transaction.run(compiled.sql, parameters))
        return compiled.converted(read(engine, compiled.sql, parameters))

    def row(self, **values: Any) -> Row | None:
        """The first row, if there is one."""
        found = self.rows(**values)
        return found[0] if found else None

    def value(self, **values: Any) -> Any:
        """The first row's first value; None without a row."""
        row = self.row(**values)
        return row[0] if row else None

    def count(self, **values: Any) -> int:
        """Change something, within a transaction; return how many rows that were."""
        self.rows(**values)
        return this_transaction().changed

    def run(self, **values: Any) -> None:
        """The same where the number does not matter: at the latest with the transaction's end, by when all
        that is wrong with it has been raised."""
        this_transaction().postpone(*self.sent(values))

    def sent(self, values: dict[str, Any]) -> Sent:
        """The statement as it is sent within the current transaction."""
        compiled = self.on(this_transaction().engine.dialect)
        return Sent(compiled.sql, compiled.parameters(values))

    def on(self, dialect: Dialect) -> "Compiled":
        compiled = self.compiled.get(dialect.name)
        if compiled is None:
            compiled = self.compiled[dialect.name] = Compiled(self.statement, dialect, self.columns)
        return compiled


class Compiled:
    """A statement in a database's own words, and what becomes of its values on the way there and back."""

    def __init__(self, statement: ClauseElement, dialect: Dialect, columns: Sequence[str] | None) -> None:
        compiled = statement.compile(
            dialect=dialect, column_keys=columns, compile_kwargs={"render_postcompile": True}
        )
        assert isinstance(compiled, SQLCompiler)
        named = {name for name, bind in compiled.binds.items() if bind.required}
        self.sql = str(compiled)
        self.constants = {name: value for name, value in compiled.params.items() if name not in named}
        self.order = compiled.positiontup
        self.bindings = [(name, bind) for name, bind in compiled._bind_processors.items() if callable(bind)]
        self.conversions: list[tuple[int, Any]] = []
        if dialect.name == "sqlite":  # it has no moments and no booleans; psycopg2 converts them by itself
            for index, column in enumerate(compiled._result_columns):
                convert = column.type._cached_result_processor(dialect, None)
                if convert:
                    self.conversions.append((index, convert))

    def parameters(self, values: dict[str, Any]) -> Any:
        """The values as the driver takes them: by name, or in the order of their places."""
        given = {**self.constants, **values}
        for name, bind in self.bindings:
            given[name] = bind(given[name])
        return given if self.order is None else tuple(given[name] for name in self.order)

    def converted(self, rows: list[Row]) -> list[Row]:
        return [self.convert(row) for row in rows] if self.conversions else rows

    def convert(self, row: Row) -> Row:
        values = list(row)
        for index, convert in self.conversions:
            values[index] = convert(values[index])
        return tuple(values)
