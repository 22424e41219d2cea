"""Links that show one client's numbers of one range: made, listed, revoked, and signed so that none can be guessed."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from itsdangerous import BadData, URLSafeSerializer
from itsdangerous.encoding import base64_decode, base64_encode
from sqlalchemy import Engine

from eventflow_pipeline.domain.days import DayRange
from eventflow_pipeline.errors import UserError
from eventflow_pipeline.settings import ServeSettings
from eventflow_pipeline.warehouse.answers.explain import find_client
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline.warehouse.db.sql import statement

Share = Mapping[str, Any]
_SHORTEST_KEY = 16


class ShareTokens:
    """What stands in a link for a share: its id, signed."""

    def __init__(self, settings: ServeSettings) -> None:
        """Raises UserError without usable keys."""
        given = settings.keys.get_secret_value() if settings.keys else ""
        keys = [key.strip() for key in given.split(",") if key.strip()]
        if not keys or min(map(len, keys)) < _SHORTEST_KEY:
            raise UserError(
                f"EVENTFLOW_SERVE_KEYS must name the keys that sign shared links: set one or more of {_SHORTEST_KEY} "
                "characters, comma-separated, newest first."
            )
        # It signs with the last and believes all.
        self._signed = URLSafeSerializer(keys[::-1], salt="eventflow share link")

    def token(self, share_id: UUID) -> str:
        """What a link has in its address."""
        return str(self._signed.dumps(share_id.hex))

    def share_id(self, token: str) -> UUID | None:
        """Whose link it is; None for what we did not sign, to the letter."""
        signature = token.rpartition(".")[2]
        try:
            # Four spellings of the last character read as the same bytes.
            if base64_encode(base64_decode(signature)).decode() != signature:
                return None
            return UUID(self._signed.loads(token))
        except (BadData, ValueError, TypeError, AttributeError):
            return None


def add_share(engine: Engine, client: str, days: DayRange, life_days: int, author: str) -> Share:
    """A new link to the numbers of ``client`` (id or name) over ``days``, for ``life_days``. Raises UserError."""
    with connect(engine) as connection:
        found = find_client(connection, client)
        if found["id"] is None:
            raise UserError("The unknown client is nobody to share with: give --client an id or a name.")
        row = connection.execute(
            statement("storage/shares/insert_share"),
            {"client_id": found["id"], "first_day": days.first, "last_day": days.last, "days": life_days,
             "author": author},
        )  # fmt: skip
        return {**row.mappings().one(), "client": found["name"]}


def all_shares(engine: Engine) -> Sequence[Share]:
    """All links, newest first."""
    with connect(engine) as connection:
        return [dict(row) for row in connection.execute(statement("storage/shares/select_shares")).mappings()]


def revoke_share(engine: Engine, share_id: UUID, author: str) -> Share:
    """End a link at once. Raises UserError when there is none."""
    with connect(engine) as connection:
        revoked = connection.execute(
            statement("storage/shares/revoke_share"), {"share_id": share_id, "author": author}
        ).mappings()
        if (row := revoked.one_or_none()) is None:
            raise UserError(f"There is no shared link {share_id}: `eventflow share list` names all.")
        return dict(row)
