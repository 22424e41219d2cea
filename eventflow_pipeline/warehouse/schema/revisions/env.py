"""Alembic environment: migrate over the connection that ``warehouse.migrations`` hands in."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table="schema_migration",
    version_table_schema="stats",
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
