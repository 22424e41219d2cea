"""Databases for tests: cheap copies of one migrated template on a real server."""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import Engine, text
from sqlalchemy.engine import URL

from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.settings import Settings
from eventflow_pipeline.warehouse.days.replacement import DayTotals, Request, replace_day
from eventflow_pipeline.warehouse.db.engine import admin_engine, connect, pipeline_engine
from eventflow_pipeline.warehouse.ranges.histograms import merge_pending
from eventflow_pipeline.warehouse.schema.migrations import rebuild

FIRST_DAY = date(2024, 1, 1)
_numbers = itertools.count()


_EXECUTABLE = """
    select p.oid::regproc::text, array(select format_type(a, null) from unnest(p.proargtypes) as a),
           coalesce(p.proargnames[1:p.pronargs], '{}')
    from pg_proc p
    where (p.pronamespace in ('stats'::regnamespace, 'stats_api'::regnamespace)
           or (p.pronamespace = 'public'::regnamespace
               and obj_description(p.oid, 'pg_proc') like 'eventflow_pipeline:%%'))
      and p.prokind = 'f' and p.prorettype <> 'trigger'::regtype and has_function_privilege(%s, p.oid, 'execute')
    order by 1
"""


def executable_functions(connection: psycopg.Connection, role: str) -> list[tuple[str, list[str], list[str]]]:
    """Functions of ours that a role may call, each with the types and the names of its arguments."""
    return connection.execute(_EXECUTABLE, [role]).fetchall()


def settings_for(url: str, **changes: object) -> Settings:
    """Settings that name a database, without looking at the environment."""
    return Settings(database={"url": url}, start_date=FIRST_DAY, **changes)  # type: ignore[arg-type]


@dataclass
class Database:
    """One database with EventFlow's tables and schema stats. ``owner`` may do anything, ``pipeline`` is the role."""

    settings: Settings
    owner: Engine = field(init=False)
    pipeline: Engine = field(init=False)

    def __post_init__(self) -> None:
        self.owner = admin_engine(self.settings)
        self.pipeline = pipeline_engine(self.settings)

    @property
    def name(self) -> str:
        """Its name on the server."""
        return str(self.owner.url.database)

    @property
    def url(self) -> str:
        """Address of the database, as EVENTFLOW_DATABASE_URL takes it."""
        assert self.settings.database.url
        return self.settings.database.url.get_secret_value()

    def close(self) -> None:
        """Close every connection."""
        self.owner.dispose()
        self.pipeline.dispose()

    def set_build_settings(self, time_zone: str, first: date = FIRST_DAY) -> None:
        """Start over in another zone."""
        self.close()
        self.settings = self.settings.changed(timezone=time_zone, start_date=first)
        self.__post_init__()
        rebuild(self.owner, self.settings)

    def define(self, **values: Any) -> None:
        """Change definitions: ``define(hourly_clients=[id])``."""
        for name, value in values.items():
            self.execute(f"update stats.build_settings set {name} = :value", value=value)

    def execute(self, command: str, **parameters: Any) -> None:
        """Run a command as the owner."""
        with connect(self.owner) as connection:
            connection.execute(text(command), parameters)

    def insert(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Insert rows (dicts, each with its own columns) into ``public.<table>`` as the owner."""
        with psycopg.connect(self.url, autocommit=True) as connection, connection.transaction():
            for row in rows:
                connection.execute(
                    sql.SQL("insert into public.{} ({}) values ({})").format(
                        sql.Identifier(table),
                        sql.SQL(", ").join(map(sql.Identifier, row)),
                        sql.SQL(", ").join(sql.Placeholder() * len(row)),
                    ),
                    list(row.values()),
                )

    def rows(self, query: str, **parameters: Any) -> list[dict[str, Any]]:
        """Rows of a query, asked as the pipeline role."""
        with connect(self.pipeline) as connection:
            return [dict(row) for row in connection.execute(text(query), parameters).mappings()]

    def replace(self, *days: date) -> list[DayTotals]:
        """Replace the days one after the other, whatever they lose; their return histograms stay pending."""
        return [replace_day(self.pipeline, day, self.settings, Request(accepted=True)) for day in days]

    def merge_pending(self) -> list[date]:
        """Merge the return histograms of every pending day."""
        return merge_pending(self.pipeline)

    def summary(self, grain: str, days: DayRange | date) -> list[dict[str, Any]]:
        """``stats.range_summary`` of a grain over a day or range."""
        first, last = (days.first, days.last) if isinstance(days, DayRange) else (days, days)
        return self.rows(
            "select * from stats.range_summary(:grain, :first, :last)", grain=grain, first=first, last=last
        )


class Databases:
    """Makes databases on one server from migrated templates."""

    def __init__(self, server: URL) -> None:
        self._server = server

    def admin(self, command: str) -> None:
        """Run a command in the maintenance database."""
        with psycopg.connect(self._server.render_as_string(False), autocommit=True) as connection:
            connection.execute(command.encode())

    def pids(self, name: str) -> set[int]:
        """Server processes connected to a database."""
        with psycopg.connect(self._server.render_as_string(False)) as connection:
            rows = connection.execute("select pid from pg_stat_activity where datname = %s", [name]).fetchall()
        return {row[0] for row in rows}

    def url(self, name: str) -> str:
        """Address of a database on the server."""
        return self._server.set(database=name).render_as_string(hide_password=False)

    def new_name(self) -> str:
        """A name not used before in this process."""
        return f"test_{next(_numbers)}"

    def create(self, template: str | None = None) -> str:
        """Create a database, empty or a copy of ``template``; returns its name."""
        name = self.new_name()
        # Copied file by file: half of the work of the default, which logs every page.
        self.admin(f'create database "{name}"' + (f' template "{template}" strategy file_copy' if template else ""))
        return name

    @contextmanager
    def database(self, template: str | None = None) -> Iterator[Database]:
        """A database for the block, empty or a copy of ``template``, in zone Asia/Seoul, first partition 2024-01-01."""
        name = self.create(template)
        made = Database(settings_for(self.url(name)))
        try:
            yield made
        finally:
            made.close()
            self.drop(name)

    def drop(self, name: str) -> None:
        """Drop a database with whatever is connected to it."""
        self.admin(f'drop database if exists "{name}" with (force)')
