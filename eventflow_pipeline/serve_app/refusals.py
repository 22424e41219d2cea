"""What cannot be answered: one sentence, the status that fits, and how a refusal of the database becomes both."""

import psycopg
from psycopg_pool import PoolTimeout, TooManyRequests

from eventflow_pipeline.domain.personal_data import redact


class Refusal(Exception):
    """Ends a request: ``status`` and one sentence for whoever asked."""

    def __init__(self, status: int, sentence: str, retry_seconds: int | None = None) -> None:
        super().__init__(sentence)
        self.status, self.sentence, self.retry_seconds = status, sentence, retry_seconds


def refusal_of(problem: psycopg.Error) -> Refusal | None:
    """The refusal that an error of the database is to the caller; None for a fault of ours."""
    state = problem.sqlstate or ""
    if state == "42501" or state.startswith("ST"):
        said = (problem.diag.message_primary or "refused").rstrip(".")
        hint = (problem.diag.message_hint or "").rstrip(".")
        sentence = f"{said[0].upper()}{said[1:]}{f': {hint[0].lower()}{hint[1:]}' if hint else ''}."
        return Refusal(403 if state == "42501" else 400, redact(sentence))
    if state in ("57014", "25P03"):
        return Refusal(503, "That took longer than a page may take: ask for fewer days, or try again later.", 30)
    if isinstance(problem, TooManyRequests):
        return Refusal(503, "Too many are asking at this moment: try again in a few seconds.", 5)
    if isinstance(problem, psycopg.OperationalError):
        busy = "is too busy or " if isinstance(problem, PoolTimeout) else ""
        return Refusal(503, f"The database {busy}cannot be reached at this moment: try again in a minute.", 60)
    return None
