"""An evening of six hours on broken data, with the shipped sensors and the probe; only the clock is ours.

What each receiver gets is printed, and is little: each incident begins once, to its owner, naming it alone, and ends
once, whatever else is open, off or down.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, TickData, TickStatus
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._daemon.types import DaemonHeartbeat
from sqlalchemy import text

from eventflow_pipeline.defs.alerts import poll_conditions, poll_dagster
from eventflow_pipeline.defs.resources import WAREHOUSES, Warehouse
from eventflow_pipeline.domain.days import DayRange, today
from eventflow_pipeline.domain.deficit import DeficitRule
from eventflow_pipeline.oncall.answers import acknowledge
from eventflow_pipeline.oncall.probe import probe, tell
from eventflow_pipeline.settings import load_settings
from eventflow_pipeline.warehouse.changes.detection import Scope, detect_changes
from eventflow_pipeline.warehouse.db.engine import connect
from eventflow_pipeline_tests import facts
from eventflow_pipeline_tests.databases import Database
from eventflow_pipeline_tests.oncall.incident_services import Service
from eventflow_pipeline_tests.oncall.receiver import HttpReceiver, MailReceiver

ACME, BREW, CITY = (UUID(int=n) for n in (0xA1, 0xA2, 0xA3))
NAMES = {ACME: "Acme Events", BREW: "Brew House", CITY: "City Run"}
CAMPAIGN = {ACME: UUID(int=0xC1), BREW: UUID(int=0xC2), CITY: UUID(int=0xC3)}
OURS = ("conditions_sensor", "dagster_failures_sensor")

#: Minutes of the evening.
VISITS_STOP, VISITS_RESUME = 30, 175
ROWS_DELETED, ROWS_RESTORED = 40, 140
CHAT_DOWN, CHAT_UP = 195, 205
CHECK_FAILS, CHECK_PASSES = 196, 300
#: What nobody answers in half an hour after it was told is told to the chief; the founding incident is answered.
ANSWERED, HELD_ESCALATED, CHECK_ESCALATED = 100, ROWS_DELETED + 30, CHAT_UP + 30
SENSOR_OFF, SENSOR_ON = 230, 262
END = 360


@dataclass(frozen=True)
class Told:
    """A message that a receiver took: when, minutes into the evening, which kind, of what, and all it says."""

    minute: float
    receiver: str
    kind: str
    head: str
    text: str

    def __str__(self) -> str:
        return f"{self.minute:5.1f} min  {self.receiver:12}  {self.kind:8}  {self.head}"


@dataclass
class Receivers:
    """One of every kind on loopback, and what has not been looked at yet of what they took."""

    chat: HttpReceiver = field(default_factory=HttpReceiver)
    chief: HttpReceiver = field(default_factory=HttpReceiver)
    mail: MailReceiver = field(default_factory=MailReceiver)
    pagerduty: Service = field(default_factory=Service)
    opsgenie: Service = field(default_factory=Service)
    alertmanager: Service = field(default_factory=Service)
    #: What pagers were told, and what is open at Alertmanager, by key.
    _paging: dict[str, str] = field(default_factory=dict)
    _firing: dict[str, str] = field(default_factory=dict)

    @property
    def urls(self) -> str:
        """EVENTFLOW_ALERTS_URLS: chat and a pager for everybody, mail and another pager for a team each."""
        return (
            f"{self.chat.url} error=pagerduty://{'K' * 32}@{self.pagerduty.host} team:growth={self.mail.url} "
            f"team:data=opsgenie://the-key@{self.opsgenie.host} default=alertmanager://{self.alertmanager.host} "
            f"escalation={self.chief.url}"
        )

    def take(self, minute: float) -> Iterator[Told]:
        """What came since the last call."""
        for name, messages in (("chat", self.chat.messages), ("chief", self.chief.messages)):
            for message in messages:
                severity, _, head = message["title"].partition("] ")
                yield Told(minute, name, _kind(severity, head), head, message["message"])
        for mail in self.mail.mails:
            severity, _, head = str(mail["Subject"]).partition("] ")
            body = mail.get_body(("plain", "html"))
            yield Told(minute, "mail", _kind(severity, head), head, body.get_content() if body else "")
        for _, event in self.pagerduty.taken:
            payload = event.get("payload", {"summary": "", "custom_details": {"text": ""}})
            key, text = event["dedup_key"], payload["custom_details"]["text"]
            yield self._paged(minute, "pagerduty", event["event_action"], key, payload["summary"], text)
        for path, alert in self.opsgenie.taken:
            key = alert.get("alias") or path.split("/")[3]
            what = "trigger" if "alias" in alert else path.rpartition("/")[2]
            yield self._paged(minute, "opsgenie", what, key, alert.get("message", ""), alert.get("description", ""))
        for _, alerts in self.alertmanager.taken:
            yield from self._notified(minute, alerts)
        for received in (self.chat.messages, self.chief.messages, self.mail.mails, *(s.taken for s in self._services)):
            received.clear()

    def _paged(self, minute: float, pager: str, action: str, key: str, head: str, text: str) -> Told:
        kind = {"trigger": "begin", "resolve": "end", "close": "end"}.get(action, action)
        head = self._paging.setdefault(key, head)
        return Told(minute, pager, kind, head, text or head)

    def _notified(self, minute: float, alerts: Sequence[Mapping[str, Mapping[str, str]]]) -> Iterator[Told]:
        """What Alertmanager makes of a pass: it notifies when an alert begins and when it has ended."""
        at = next(a["startsAt"] for a in alerts if "incident" not in a["labels"])
        for alert in alerts:
            key, text = alert["labels"].get("incident"), str(alert["annotations"])
            if key is None:
                continue
            if key not in self._firing and alert["endsAt"] > at:
                self._firing[key] = alert["annotations"]["summary"]
                yield Told(minute, "alertmanager", "begin", self._firing[key], text)
            elif key in self._firing and alert["endsAt"] <= at:
                yield Told(minute, "alertmanager", "end", self._firing.pop(key), text)

    @property
    def _services(self) -> tuple[Service, ...]:
        return self.pagerduty, self.opsgenie, self.alertmanager

    @property
    def refused(self) -> list[str]:
        """What did not fit a published format."""
        return [problem for service in self._services for problem in service.refused]

    def stop(self) -> None:
        """Refuse connections."""
        self.chat.down()
        self.chief.down()
        self.mail.down()
        for service in self._services:
            service.stop()


def _kind(severity: str, head: str) -> str:
    if severity == "[ok":
        return "end"
    kinds = {"now worse": "worse", "nobody has answered": "escalated"}
    return kinds.get(head.partition(":")[0], "begin")


@dataclass
class Evening:
    """Facts, Dagster's instance and receivers of an evening in Seoul, and where its clock stands."""

    database: Database
    instance: dg.DagsterInstance
    warehouse: Warehouse
    receivers: Receivers
    day: date
    told: list[Told] = field(default_factory=list)
    cursors: dict[str, str | None] = field(default_factory=dict)
    off: set[str] = field(default_factory=set)
    minute: float = 0
    compared: float = -1_000
    deleted: list[dict[str, object]] = field(default_factory=list)
    visits: dict[UUID, list[datetime]] = field(default_factory=dict)
    entries: dict[UUID, list[datetime]] = field(default_factory=dict)

    def at(self, minute: float) -> datetime:
        """The instant, some minutes into the evening."""
        six = datetime.combine(self.day, time(18), self.database.settings.zone)
        return six.astimezone(UTC) + timedelta(minutes=minute)

    def clock(self, minute: float) -> None:
        """Set the clock of what the database stamps by itself."""
        self.database.execute("update public.evening set at = :at", at=self.at(minute))

    def detect(self, minute: float) -> None:
        """A pass of change detection over today and yesterday."""
        self.compared = minute
        self.clock(minute)
        days = [self.day - timedelta(days=1), self.day]
        detect_changes(self.database.pipeline, self.database.settings, Scope.NAMED, days)

    def daemon(self, minute: float) -> None:
        """The daemon is alive, and ticks what is switched on."""
        now = self.at(minute).timestamp()
        for kind in self.instance.get_required_daemon_types():
            self.instance.add_daemon_heartbeat(DaemonHeartbeat(now, kind, "evening", []))
        for sensor in OURS:
            state = _instigator(sensor)
            if sensor not in self.off:
                data = TickData(
                    state.instigator_origin_id, sensor, InstigatorType.SENSOR, TickStatus.SKIPPED, now,
                    selector_id=state.selector_id, run_ids=[],
                )  # fmt: skip
                self.instance.create_tick(data)

    def tick(self, minute: float) -> None:
        """One tick of each sensor that is on, and what receivers took of it."""
        self.daemon(minute)
        now = self.at(minute)
        if OURS[0] not in self.off:
            kept = self.cursors.get(OURS[0])
            self.cursors[OURS[0]] = poll_conditions(self.instance, self.warehouse, kept, now).cursor
        if OURS[1] not in self.off:
            kept = self.cursors.get(OURS[1])
            self.cursors[OURS[1]] = poll_dagster(self.instance, self.warehouse, kept, now).cursor
        self.told += self.receivers.take(minute)

    def probe(self, minute: float) -> None:
        """``eventflow probe --alert``, as a cron elsewhere runs it."""
        settings, now = load_settings(), self.at(minute)
        tell(settings, probe(settings, now), now)
        self.told += self.receivers.take(minute)

    def switch(self, sensor: str, on: bool) -> None:
        """Switch a sensor on or off in Dagster."""
        status = InstigatorStatus.RUNNING if on else InstigatorStatus.STOPPED
        self.instance.update_instigator_state(_instigator(sensor, status))
        self.off ^= {sensor}

    def acknowledge(self, name: str, subject: str) -> None:
        """``eventflow alerts ack``."""
        asked = "select key from stats.incident where name = :name and subject = :subject and ended_at is null"
        (row,) = self.database.rows(asked, name=name, subject=subject)
        acknowledge(self.database.pipeline, row["key"], "kim", "at it", self.at(self.minute))

    def evaluate(self, check: str, day: date, client: UUID | None, said: str = "") -> None:
        """A run evaluates a check on a day: it fails for the client, or passes."""
        row = {"client": NAMES.get(client, ""), "said": said, "client_id": str(client), "severity": "error"}  # type: ignore[arg-type]
        first = dg.MetadataValue.table([dg.TableRecord(row)])  # type: ignore[arg-type]
        result = dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey(["stats", "client_daily"]), check_name=check, passed=client is None,
            partition=day.isoformat(), metadata={"first": first} if client else {},
        )  # fmt: skip
        event = dg.DagsterEvent(dg.DagsterEventType.ASSET_CHECK_EVALUATION.value, "evening", event_specific_data=result)
        self.instance.report_dagster_event(event, str(uuid4()))

    def delete_rows(self) -> None:
        """Somebody deletes most of yesterday's visits of one client."""
        where = "campaign_id = :c and accessed_at < :today returning *"
        with connect(self.database.owner) as connection:
            rows = connection.execute(
                text(f"delete from event_access_logs where {where}"),
                {"c": CAMPAIGN[BREW], "today": self.at(-18 * 60)},
            )
            self.deleted = [{k: v for k, v in row.items() if v is not None} for row in rows.mappings()]

    def onset(self, resumed: bool = False) -> float:
        """The first minute at which what Q6 says of Acme's last hour is wrong (``resumed``: right again)."""
        quality, half = self.database.settings.quality, [n / 2 for n in range(2 * END)]
        rule = DeficitRule(quality.deficit_min_entries, quality.deficit_error_share, quality.deficit_warn_share)
        for minute in half[2 * VISITS_RESUME :] if resumed else half:
            last, first = self.at(minute), self.at(minute - quality.deficit_window_minutes)
            visits, entries = (
                sum(first <= at < last for at in times) for times in (self.visits[ACME], self.entries[ACME])
            )
            if (rule.judge(visits, entries) is None) is resumed:
                return minute
        raise AssertionError("visits never stopped")


def _instigator(name: str, status: InstigatorStatus = InstigatorStatus.RUNNING) -> InstigatorState:
    location = ManagedGrpcPythonEnvCodeLocationOrigin(
        LoadableTargetOrigin(module_name="eventflow_pipeline.definitions"), location_name="eventflow"
    )
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(location, "__repository__"), name)
    return InstigatorState(origin, InstigatorType.SENSOR, status)


@pytest.fixture
def evening(
    database: Database, instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Evening]:
    """Three clients with traffic, of one visits stop for a while; all days since the first are computed."""
    day = today(database.settings.zone) - timedelta(days=3)
    first = day - timedelta(days=8)
    database.settings = database.settings.changed(start_date=first)
    database.execute("update stats.build_settings set first_partition = :first", first=first)
    _stamp_by(database)
    facts.clients(database, {client: [CAMPAIGN[client]] for client in NAMES}, names=NAMES)
    receivers = Receivers()
    for name, value in {
        "EVENTFLOW_START_DATE": first.isoformat(),
        "EVENTFLOW_HOME": str(tmp_path),
        "EVENTFLOW_ALERTS_URLS": receivers.urls,
        "EVENTFLOW_ALERTS_OWNERS": f'{{"{ACME}": "team:growth", "heal_held": "team:data"}}',
    }.items():
        monkeypatch.setenv(name, value)
    with dg.build_resources(WAREHOUSES) as resources:
        made = Evening(database, instance, resources.alert_warehouse, receivers, day)
        _traffic(made)
        made.clock(-120)
        database.replace(*DayRange(first, day))
        for sensor in OURS:
            instance.add_instigator_state(_instigator(sensor))
        yield made
    receivers.stop()


def _stamp_by(database: Database) -> None:
    """Have the evening's clock be that of what the database stamps by itself."""
    database.execute("create table public.evening as select now() as at")
    database.execute("grant select on public.evening to public")
    for table, stamps in (
        ("detection_pass", ["started_at", "finished_at"]),
        ("partition_state", ["stale_since", "held_since"]),
    ):
        changes = " ".join(
            f"if new.{stamp} is not null and (tg_op = 'INSERT' or to_jsonb(old) -> '{stamp}' is distinct from "
            f"to_jsonb(new) -> '{stamp}') then new.{stamp} := (select at from public.evening); end if;"
            for stamp in stamps
        )
        database.execute(
            f"create function public.stamp_{table}() returns trigger language plpgsql as "
            f"$$ begin {changes.replace(':=', '=')} return new; end $$"
        )
        database.execute(
            f"create trigger evening before insert or update on stats.{table} for each row "
            f"execute function public.stamp_{table}()"
        )


def _traffic(evening: Evening) -> None:
    """40 visits and 12 entries an hour of each client, without Acme's visits for a while; a full day before."""
    hours = END / 60 + 2
    last, minutes = evening.at(END), hours * 60
    for client, campaign in CAMPAIGN.items():
        visits = facts.spread(round(40 * hours), last, minutes)
        if client == ACME:
            stopped, resumed = evening.at(VISITS_STOP), evening.at(VISITS_RESUME)
            visits = [at for at in visits if not stopped <= at < resumed]
        evening.visits[client], evening.entries[client] = visits, facts.spread(round(12 * hours), last, minutes)
        facts.visits(evening.database, *visits, session_id="s{id}", campaign_id=campaign)
        facts.entries(evening.database, *evening.entries[client], campaign_id=campaign, client_id=client)
        yesterday = facts.spread(60, evening.at(-24 * 60), 300)
        facts.visits(evening.database, *yesterday, session_id="s{id}", campaign_id=campaign)


def _minutes(evening: Evening, every: float, around: Sequence[float]) -> list[float]:
    """When sensors tick: ``every`` so many minutes, and as they do in truth around what happens."""
    close = {m + after for m in around for after in (0, 0.5, 2.5)}
    return sorted({n * every for n in range(round(END / every) + 1)} | {m for m in close if 0 <= m <= END})


@pytest.mark.parametrize("every", [60, pytest.param(0.5, marks=[pytest.mark.long, pytest.mark.timeout(3600)])])
def test_an_evening(evening: Evening, every: float, capsys: pytest.CaptureFixture[str]) -> None:
    at = evening.day
    # Told before the evening begins: six that can never become right, five that somebody could put right.
    evening.detect(-70)
    evening.tick(-70)
    for ago in range(2, 8):
        evening.evaluate("linkage", at - timedelta(days=ago), CITY, "0 of 60 entries (limit 30%)")
    for ago in range(2, 7):
        evening.evaluate("tenant_consistency", at - timedelta(days=ago), CITY, "3 entries: 3 (limit 0)")
    for minute in (-60, -59.5, -5):
        evening.detect(minute)
        evening.tick(minute)
    before, evening.told = evening.told, []

    onset, over = evening.onset(), evening.onset(resumed=True)
    happens = {
        ROWS_DELETED: evening.delete_rows,
        ROWS_RESTORED: lambda: evening.database.insert("event_access_logs", evening.deleted),
        CHAT_DOWN: evening.receivers.chat.down,
        ANSWERED: lambda: evening.acknowledge("deficit", str(ACME)),
        SENSOR_OFF + 10: lambda: evening.acknowledge("dead", "dagster"),
        HELD_ESCALATED: lambda: None,
        CHECK_ESCALATED: lambda: None,
        CHAT_UP: evening.receivers.chat.up,
        CHECK_FAILS: lambda: evening.evaluate("tenant_consistency", at, CITY, "7 entries: 7 (limit 0)"),
        CHECK_PASSES: lambda: evening.evaluate("tenant_consistency", at, None),
        SENSOR_OFF: lambda: evening.switch("conditions_sensor", False),
        SENSOR_ON: lambda: evening.switch("conditions_sensor", True),
    }
    worse = next(m / 2 for m in range(2 * END) if not _visited(evening, m / 2))
    for minute in _minutes(evening, every, [*happens, onset, worse, over, SENSOR_ON + 3]):
        evening.minute = minute
        if minute in happens:
            happens[minute]()  # type: ignore[index]
        if minute - evening.compared >= 5 or minute in (ROWS_DELETED, ROWS_RESTORED):
            evening.detect(minute)
        evening.tick(minute)
        if minute % max(every, 5) == 0 or minute in (SENSOR_OFF, SENSOR_ON + 3):
            evening.probe(minute)

    with capsys.disabled():
        print(f"\nsensors every {every} min; before the evening {len(before)} messages, then")
        print(*evening.told, sep="\n")
    assert evening.receivers.refused == []
    incidents = {
        # What it says: its command; who hears of it, when it could be seen (of who is down: heard); its end.
        "Brew House: 1 day is held": (
            "heal --dry-run", {"opsgenie": ROWS_DELETED, "chief": HELD_ESCALATED}, ROWS_RESTORED + 2
        ),
        "Acme Events: ": (f"doctor --client {ACME}", {"mail": onset}, over + 2),
        "City Run: check tenant_consistency fails": (
            f"explain --client {CITY} --date {at}",
            {"chat": CHAT_UP, "pagerduty": CHECK_FAILS, "alertmanager": CHECK_FAILS, "chief": CHECK_ESCALATED},
            CHECK_PASSES + 2,
        ),
        "conditions_sensor is switched off": (
            "sensor start ", dict.fromkeys(["chat", "pagerduty", "alertmanager"], SENSOR_OFF), SENSOR_ON + 3 + 2
        ),
    }  # fmt: skip
    between = {"mail": ["worse"], "pagerduty": ["acknowledge"]}
    left = list(evening.told)
    for said, (command, who, ended) in incidents.items():
        others = {name for name in [*NAMES.values(), *OURS] if name not in said}
        for receiver, seen in who.items():
            heard = [told for told in left if told.receiver == receiver and said in told.head]
            begun, *later, end = heard
            assert (begun.kind, end.kind) == ("escalated" if receiver == "chief" else "begin", "end")
            assert [told.kind for told in later] == ([] if "City" in said else between.get(receiver, []))
            assert f" {command}" in begun.text
            assert 0 <= begun.minute - seen <= 1, (said, receiver)
            assert 0 <= end.minute - ended <= 1, (said, receiver)
            for told in heard:
                assert not [other for other in others if other in told.head + told.text], told
                assert "more)" not in told.head
                left.remove(told)
    assert left == [], "nobody hears of anything else"
    assert max(Counter(told.receiver for told in evening.told).values()) < 10
    lost = "undelivered_since is not null or notified_severity is null or (gone_at is not null and ended_at is null)"
    assert evening.database.rows(f"select name, subject from stats.incident where {lost}") == [], "nothing is lost"
    (old,) = evening.database.rows("select subject, own_days from stats.incident where ended_at is null")
    assert (old["subject"], len(old["own_days"])) == (f"tenant_consistency/{CITY}", 5), "and it was open all the while"


def _visited(evening: Evening, minute: float) -> bool:
    hour = evening.at(minute - 60), evening.at(minute)
    return any(hour[0] <= at < hour[1] for at in evening.visits[ACME])
