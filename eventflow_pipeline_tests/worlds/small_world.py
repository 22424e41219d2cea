"""Random facts and dimension rows of a universe so small that sessions, links and members keep meeting again."""

import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import psycopg
from hypothesis import strategies as st

from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.worlds.independent_count import Fold, World, lower

CLIENTS = CLIENT, OTHER = UUID(int=0xA1), UUID(int=0xA2)
CAMPAIGN, FOREIGN, ROWLESS = UUID(int=0xC1), UUID(int=0xC2), UUID(int=0xC3)
WEBINAR, WEBINAR_ROWLESS = UUID(int=0xD1), UUID(int=0xD2)
LINK, TWIN, PLAIN, DANGLING = UUID(int=0x11), UUID(int=0x12), UUID(int=0x13), UUID(int=0x19)

#: Texts that are longer than a key can be and differ only at their end, and one word in two Unicode forms (N1).
_LONG, _LONGER = "\U00020000" * 201, "\U00020000" * 9_000
_WORD, _DECOMPOSED = "봄세일", unicodedata.normalize("NFD", "봄세일") + "\u200b"
_NO_UTM = {"utm_source": None, "utm_medium": None, "utm_campaign": None}
#: What each link's row may become; None: it is deleted. TWIN has LINK's cid, in the other client.
LINK_ROWS: Mapping[UUID, Sequence[dict[str, Any] | None]] = {
    LINK: (
        {"client_id": CLIENT, "cid": "AAAA1111", **_NO_UTM, "utm_source": " Naver", "utm_medium": "CPC"},
        {"client_id": CLIENT, "cid": "AAAA1111", **_NO_UTM, "utm_campaign": "Straße ΟΔΟΣ", "utm_source": "a%40b.kr"},
        {"client_id": OTHER, "cid": "BBBB2222", **_NO_UTM, "utm_source": _LONGER, "utm_medium": _LONG},
        {"client_id": CLIENT, "cid": _LONG, **_NO_UTM, "utm_source": "no cid of this length leads here"},
        None,
    ),
    TWIN: ({"client_id": OTHER, "cid": "AAAA1111", **_NO_UTM, "utm_source": "kakao"}, None),
    PLAIN: ({"client_id": CLIENT, "cid": None, "utm_source": " ", "utm_medium": "\u00a0", "utm_campaign": ""}, None),
}
#: The client each campaign's and webinar's row may name; None: there is no such row.
CAMPAIGN_ROWS = {CAMPAIGN: (CLIENT, OTHER, None), FOREIGN: (OTHER, None), ROWLESS: (None, CLIENT)}
WEBINAR_ROWS = {WEBINAR: (CLIENT, OTHER, None), WEBINAR_ROWLESS: (None,)}

#: A visit of no session yet, at no time yet, without anything supplied.
PLAIN_VISIT: Mapping[str, Any] = {
    "campaign_id": CAMPAIGN, "webinar_id": None, "cid": None, "marketing_campaign_link_id": None, **_NO_UTM,
}  # fmt: skip
#: Fold rules, some of which fit the same values; what they list is normalized (N1).
FOLDS: Sequence[Fold] = [
    (CLIENT, "utm_source", "values", ("naver", "no such")),
    (CLIENT, "utm_source", "all_except", ("kakao",)),
    (CLIENT, "utm_source", "all_except", ("naver", "(folded)")),
    (CLIENT, "utm_medium", "prefix", ("c",)),
    (CLIENT, "utm_medium", "prefix", ("cp",)),
    (CLIENT, "utm_medium", "prefix", ("\U00020000" * 160,)),
    (CLIENT, "utm_campaign", "values", (lower("ΟΔΟΣ") or "", _WORD)),
    (CLIENT, "link_id", "values", (str(DANGLING), str(LINK))),
    (CLIENT, "link_id", "all_except", (str(DANGLING),)),
    (CLIENT, "entity_id", "prefix", ("00000000",)),
    (OTHER, "utm_campaign", "all_except", ()),
    (OTHER, "entity_id", "all_except", (str(FOREIGN),)),
    (None, "entity_id", "values", (str(ROWLESS), str(CAMPAIGN))),
    (None, "entity_id", "all_except", ()),
    (None, "link_id", "prefix", (str(LINK)[:-1],)),
    (None, "utm_source", "all_except", ("naver",)),
]
_SESSIONS = ("s1", "s2", "s3", " s1\u3000", "s4", "\t", "", _LONG, _LONGER)
_UTM = st.fixed_dictionaries(
    {
        "utm_source": st.sampled_from([None, None, "naver", " NAVER ", "kakao", "Kim@Example.com"]),
        "utm_medium": st.sampled_from([None, None, "cpc", "\u3000", _LONG, _LONGER]),
        "utm_campaign": st.sampled_from([None, None, "ΟΔΟΣ", _WORD, _DECOMPOSED, "전화 010-1234-5678"]),
    }
)
_LINKING = st.fixed_dictionaries(
    {
        "cid": st.sampled_from([None, None, " aaaa1111 ", "BBBB2222", "nosuch", " ", _LONG]),
        "marketing_campaign_link_id": st.sampled_from([None, None, None, LINK, TWIN, PLAIN, DANGLING]),
    }
)
_TARGETS = st.sampled_from(
    [(CAMPAIGN, None)] * 3
    + [(FOREIGN, None), (ROWLESS, None), (None, WEBINAR), (None, WEBINAR_ROWLESS), (CAMPAIGN, WEBINAR)]
)


def instants(days: Sequence[date], zone: ZoneInfo) -> st.SearchStrategy[datetime]:
    """Instants on the days, with both edges of a day as likely as its inside."""

    def near(day: date, offset: timedelta) -> datetime:
        return datetime.combine(day, time(), zone).astimezone(ZoneInfo("UTC")) + offset

    offsets = st.sampled_from([timedelta(), timedelta(microseconds=1), timedelta(microseconds=-1), timedelta(hours=9)])
    return st.builds(near, st.sampled_from(days), offsets | st.timedeltas(timedelta(), timedelta(hours=23)))


def visits(at: st.SearchStrategy[datetime]) -> st.SearchStrategy[dict[str, Any]]:
    """Rows of event_access_logs without id."""
    return st.builds(
        lambda target, session, utm, linking, when: {
            "campaign_id": target[0], "webinar_id": target[1], "session_id": session, **utm, **linking,
            "accessed_at": when,
        },
        _TARGETS, st.sampled_from(_SESSIONS), _UTM, _LINKING, at,
    )  # fmt: skip


def entries(at: st.SearchStrategy[datetime]) -> st.SearchStrategy[dict[str, Any]]:
    """Rows of event_survey_entries without id; ``cid`` stands for the key of registration_data."""
    return st.builds(
        lambda campaign, client, utm, linking, when: {
            "campaign_id": campaign, "client_id": client, **utm, **linking, "created_at": when,
        },
        st.sampled_from([CAMPAIGN, CAMPAIGN, FOREIGN, ROWLESS]), st.sampled_from([CLIENT, CLIENT, OTHER]),
        _UTM, _LINKING, at,
    )  # fmt: skip


class Mirror:
    """The database and an equal ``World``: every change is made to both."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.world = World()
        self._rule_numbers: dict[Fold, int] = {}
        self._connection = psycopg.connect(database.url, autocommit=True)

    def close(self) -> None:
        self._connection.close()

    def clear(self) -> None:
        """Empty every table, then the dimension rows as they are at first."""
        self.world = World()
        self._connection.execute(
            "truncate event_access_logs, event_survey_entries, event_survey_campaigns, webinars, campaign_link_meta, "
            "clients, stats.exclusion, stats.fold_rule, stats.fold_value, stats.session_days, "
            "stats.session_day_change, stats.bucket_daily, "
            "stats.campaign_hourly, stats.return_histogram, stats.return_month, stats.partition_state"
        )
        self._connection.cursor().executemany(
            "insert into clients (id, name) values (%s, 'client')", [(c,) for c in CLIENTS]
        )
        for rows, change in (
            (LINK_ROWS, self.set_link),
            (CAMPAIGN_ROWS, self.set_campaign),
            (WEBINAR_ROWS, self.set_webinar),
        ):
            for id in rows:
                change(id, 0)

    def add(self, visits: Iterable[dict[str, Any]] = (), entries: Iterable[dict[str, Any]] = ()) -> None:
        new_visits, new_entries = {uuid4(): row for row in visits}, {uuid4(): row for row in entries}
        self.world.visits |= new_visits
        self.world.entries |= new_entries
        self._insert("event_access_logs", [{"id": id, **row} for id, row in new_visits.items()])
        self._insert(
            "event_survey_entries",
            [
                {
                    "id": id, "phone_norm": str(id),
                    "registration_data": json.dumps({"cid": row["cid"]}),
                    **{name: value for name, value in row.items() if name != "cid"},
                }
                for id, row in new_entries.items()
            ],
        )  # fmt: skip

    def delete(self, nth: int) -> None:
        """Delete one visit and one entry."""
        for table, rows in (("event_access_logs", self.world.visits), ("event_survey_entries", self.world.entries)):
            if rows:
                id = list(rows)[nth % len(rows)]
                del rows[id]
                self._connection.execute(f"delete from {table} where id = %s", (id,))

    def edit(self, nth: int, to: dict[str, Any]) -> None:
        """Overwrite one visit: other time, session, link, UTM, entity."""
        if self.world.visits:
            id = list(self.world.visits)[nth % len(self.world.visits)]
            self.world.visits[id] = to
            columns = ", ".join(f"{name} = %s" for name in to)
            self._connection.execute(f"update event_access_logs set {columns} where id = %s", (*to.values(), id))

    def set_link(self, id: UUID, which: int) -> None:
        rows = LINK_ROWS[id]
        row = rows[which % len(rows)]
        self.world.links.pop(id, None)
        self._connection.execute("delete from campaign_link_meta where id = %s", (id,))
        if row:
            self.world.links[id] = row
            self._insert("campaign_link_meta", [{"id": id, "name": "link", **row}])

    def set_campaign(self, id: UUID, which: int) -> None:
        self._set_owner("event_survey_campaigns", self.world.campaigns, id, CAMPAIGN_ROWS[id], which)

    def set_webinar(self, id: UUID, which: int) -> None:
        self._set_owner("webinars", self.world.webinars, id, WEBINAR_ROWS[id], which)

    def exclude(self, id: UUID) -> None:
        """Exclude a campaign, or take it in again."""
        self.world.excluded ^= {id}
        if id in self.world.excluded:
            self._connection.execute(
                "insert into stats.exclusion (campaign_id, reason, author) values (%s, 'test clone', 'tester')", (id,)
            )
        else:
            self._connection.execute("delete from stats.exclusion where campaign_id = %s", (id,))

    def fold(self, rule: Fold) -> None:
        """Add a fold rule, or remove it."""
        client, field, kind, listed = rule
        self.world.folds ^= {rule}
        if rule not in self.world.folds:
            self._connection.execute(
                "update stats.fold_rule set removed_at = now(), removed_reason = 'none', removed_by = 'tester' "
                "where rule_no = %s",
                (self._rule_numbers[rule],),
            )
            return
        number = self._rule_numbers[rule] = max(self._rule_numbers.values(), default=0) + 1
        prefix, values = (listed[0], ()) if kind == "prefix" else (None, listed)
        self._connection.execute(
            "insert into stats.fold_rule (rule_no, client_id, field, kind, prefix, reason, author) "
            "values (%s, %s, %s, %s, %s, 'bots', 'tester')",
            (number, client, field, kind, prefix),
        )
        self._connection.cursor().executemany(
            "insert into stats.fold_value (rule_no, value) values (%s, %s)", [(number, value) for value in values]
        )

    def _set_owner(
        self, table: str, world: dict[UUID, UUID], id: UUID, owners: Sequence[UUID | None], which: int
    ) -> None:
        owner = owners[which % len(owners)]
        world.pop(id, None)
        self._connection.execute(f"delete from {table} where id = %s", (id,))
        if owner:
            world[id] = owner
            self._insert(table, [{"id": id, "client_id": owner, "title": "title"}])

    def _insert(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            columns = ", ".join(rows[0])
            values = ", ".join(["%s"] * len(rows[0]))
            self._connection.cursor().executemany(
                f"insert into {table} ({columns}) values ({values})",
                [tuple(row[name] for name in rows[0]) for row in rows],
            )
