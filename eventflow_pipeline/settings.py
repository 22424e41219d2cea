"""Every setting of the project, once, typed, in sections, read from the environment: ``EVENTFLOW_<SECTION>_<NAME>``."""

import difflib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from email.utils import parseaddr
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from eventflow_pipeline.domain.concurrency import ObservationRules
from eventflow_pipeline.domain.incidents import QuietHours
from eventflow_pipeline.domain.quality import DEFAULT_THRESHOLDS, LOW_IS_BAD, Threshold
from eventflow_pipeline.errors import UserError

if TYPE_CHECKING:
    from eventflow_pipeline.capture.rules import CaptureRules

PACKAGE = Path(__file__).resolve().parent
PREFIX = "EVENTFLOW_"


def project_root() -> Path:
    """The checkout this package runs from, or the working folder when it was installed from a wheel."""
    return PACKAGE.parent if _is_checkout() else Path.cwd()


def packaged(name: str) -> Path:
    """``sql``, ``dagster.yaml`` or ``workspace.yaml``: the checkout's, else the copy an installed wheel carries."""
    return (PACKAGE.parent if _is_checkout() else PACKAGE) / name


def _is_checkout() -> bool:
    # What lies beside an installed package may be anybody's, a package called sql for one.
    return (PACKAGE.parent / "pyproject.toml").exists()


class Section(BaseModel, frozen=True, extra="forbid"):
    """Settings of one subject. The first line of its docstring is its title on the page of settings."""


def _from_json(given: object) -> object:
    """What a variable of the environment holds as JSON."""
    if not isinstance(given, str):
        return given
    try:
        return json.loads(given)
    except ValueError as problem:
        raise ValueError(f"it is no JSON ({problem})") from problem


class DatabaseSettings(Section):
    """The database of facts and buckets"""

    url: SecretStr | None = Field(
        None, description="Facts and buckets: any Postgres 15 or later. Unset: a server of the project's own."
    )
    statement_timeout_seconds: int = Field(600, ge=1, description="Longest a single statement may take.")
    lock_timeout_seconds: int = Field(600, ge=1, description="Longest to wait for another worker's day.")
    work_mem_mb: int = Field(64, ge=1, description="work_mem of every transaction; what is larger goes to disk.")
    day_work_mem_mb: int = Field(
        256,
        ge=1,
        description="work_mem of a transaction that computes or checks days (EVENTFLOW_RUNS_PARALLEL_DAYS at once "
        "and one more); only huge days take it. Where the server runs out of memory they are done with the other, in "
        "less than twice the time.",
    )


class SparkSettings(Section):
    """The cluster that computes days (EVENTFLOW_ENGINE=spark)"""

    url: SecretStr | None = Field(
        None,
        description="Address of a Spark Connect server, sc://host:15002. Unset: Sail, on this machine, started and "
        "stopped by the process that needs it.",
    )
    lake: str = Field(
        "",
        description="Folder or address (s3://bucket/folder) of the files that are exchanged with the cluster, which "
        "must reach it under the same name. Empty: lake/ in EVENTFLOW_HOME.",
    )
    timeout_seconds: int = Field(
        1_800, ge=1, description="Longest the cluster may take for a day; then it is told to stop."
    )
    statement_timeout_seconds: int = Field(
        900, ge=1, description="Longest it may take for one statement of a day; then it is told to stop."
    )
    job_facts: int = Field(
        1_000_000,
        ge=0,
        description="Days that a run replaces at once (EVENTFLOW_RUNS_PARALLEL_DAYS) are computed in one job of the "
        "cluster up to so many facts in all. 0: each in a job of its own.",
    )
    ui: str = Field(
        "",
        description="Address of the cluster's pages (Spark's UI) for the links in the records of runs. Empty: as the "
        "driver says it, which is often known only within the cluster.",
    )


class OwnerSettings(Section):
    """The owner of EventFlow's tables"""

    url: SecretStr | None = Field(
        None,
        description="The same database, as the owner: for `eventflow migrate` and the few commands that change the "
        "schema, where a person sits. Unset: EVENTFLOW_DATABASE_URL.",
    )


class RunSettings(Section):
    """Runs of Dagster"""

    parallel_days: int = Field(
        2,
        ge=1,
        le=32,
        description="Days a run replaces at once, and parts of a range it compares with facts, one connection each.",
    )
    max_days: int = Field(
        90,
        ge=1,
        description="Most days of one run, of backfills as of heals: longer ranges are several runs.",
    )
    retention_days: int = Field(
        3, ge=1, description="Days that superseded automatic runs, their events and their ticks are kept."
    )


class RangeSettings(Section):
    """Answers over ranges of days (M6)"""

    longest_days: int | None = Field(
        None,
        ge=1,
        description="Prune the session-days: longest range then answered, in days, and oldest day then replaced. "
        "Unset: never pruned.",
    )


class ChangeSettings(Section):
    """Changed facts: how they are found and healed"""

    interval_seconds: int = Field(5, ge=1, description="Pause between two passes of change detection.")
    lookback_days: int = Field(
        3,
        ge=0,
        description="Days before today that passes of change detection compare with their facts every five minutes.",
    )
    sweep_days: int = Field(90, ge=1, description="Days before today that the hourly pass compares with their facts.")
    overlap_minutes: int = Field(
        60, ge=1, description="How far before the last pass late facts are searched for: longer than any transaction."
    )
    deltas: Literal["today", "never", "everywhere"] = Field(
        "today",
        description="Which days facts that were added are added to, instead of computing them whole: today; never; "
        "everywhere (for tests: any day, and one that is computed whole is published without a random part of its "
        "facts, which are added).",
    )
    retry_seconds: int = Field(
        60, ge=1, description="Pause before a changed day whose run failed is tried again; doubles each time."
    )
    attempts: int = Field(
        8, ge=1, description="Failed automatic runs of a day within 24 hours after which it waits for a person."
    )


class GuardSettings(Section):
    """The guard against mass loss"""

    loss_share: float = Field(
        0.2, ge=0, le=1, description="Share of a client's day whose loss by deletion or vanished rows is held."
    )
    minimum_volume: int = Field(
        10, ge=1, description="Hits or conversions of a client's day from which deletions are judged."
    )
    old_days: int = Field(
        30, ge=0, description="Days older than the look-back that may lose facts or dimension rows at once."
    )


class QualitySettings(Section):
    """Indicators of quality (Q1-Q7)"""

    thresholds: Annotated[dict[str, Threshold], NoDecode] = Field(
        default_factory=dict,
        validate_default=True,
        description="Thresholds of quality checks that differ from the defaults, as JSON: "
        '{"linkage": {"warn": 0.6}}. Single clients: `eventflow thresholds`.',
    )
    minimum_volume: int = Field(30, ge=1, description="Hits or entries from which a client's rates are judged.")
    clone_entries: int = Field(20, ge=1, description="Shared entries from which two campaigns are suspected (Q7).")
    clone_share: float = Field(
        0.20, ge=0, le=1, description="Share of either campaign's entries that the shared ones must be (Q7)."
    )
    silence_minutes: int = Field(30, ge=1, description="Quiet of a client's stream that is never judged (Q7).")
    silence_factor: float = Field(
        3.0, ge=1, description="Multiple of the 99th percentile of a stream's gaps from which it is silent (Q7)."
    )
    deficit_window_minutes: int = Field(60, ge=5, description="Trailing window of the deficit of visits (Q6).")
    deficit_min_entries: int = Field(5, ge=1, description="Entries from which a deficit is judged (Q6).")
    deficit_error_share: float = Field(0.10, ge=0, description="Visits below this share of entries: an error (Q6).")
    deficit_warn_share: float = Field(0.50, ge=0, description="Visits below this share of entries: a warning (Q6).")

    @field_validator("thresholds", mode="before")
    @classmethod
    def _parsed(cls, given: object) -> object:
        return _from_json(given)

    @field_validator("thresholds")
    @classmethod
    def _with_defaults(cls, given: dict[str, Threshold]) -> dict[str, Threshold]:
        if unknown := sorted(given.keys() - DEFAULT_THRESHOLDS.keys()):
            raise ValueError(
                f"EVENTFLOW_QUALITY_THRESHOLDS names the unknown threshold {unknown[0]!r}: use one of "
                + ", ".join(DEFAULT_THRESHOLDS)
            )
        made = {name: usual.overridden(given.get(name)) for name, usual in DEFAULT_THRESHOLDS.items()}
        for name, threshold in made.items():
            if threshold.warns_beyond_error(below=name in LOW_IS_BAD):
                raise ValueError(
                    f"EVENTFLOW_QUALITY_THRESHOLDS has {name} warn at {threshold.warn}, beyond its error at "
                    f"{threshold.error}: let it warn first"
                )
        return made


class CheckSettings(Section):
    """Checks of days against their facts"""

    verify_days: int = Field(35, ge=1, description="Days the nightly verification looks back, plus as many older ones.")


class ClosingSettings(Section):
    """Closing months"""

    grace_days: int = Field(
        3, ge=0, le=365, description="Days after a month's last before it may be closed: late facts are in by then."
    )


class MailSettings(Section):
    """Statements by mail"""

    server: SecretStr | None = Field(
        None,
        description="Mail server that takes statements of closed months: smtp://user:password@host:587 (encrypted by "
        "STARTTLS; plain to this machine alone) or smtps://user:password@host:465. Unset: nothing is mailed.",
    )
    sender: str = Field("", description="Who statements come from, such as Numbers <billing@example.com>.")
    recipients: SecretStr | None = Field(
        None,
        description='Who gets whose statements, as JSON: {"a client\'s id": ["ann@example.com"]}. A client without is '
        "sent nothing.",
    )

    @field_validator("server")
    @classmethod
    def _address(cls, given: SecretStr | None) -> SecretStr | None:
        if given:
            parts = urlsplit(given.get_secret_value())
            try:
                usable = parts.scheme in ("smtp", "smtps") and parts.hostname and parts.port != 0
            except ValueError:
                usable = False
            if not usable:
                raise ValueError("write smtp://user:password@host:587 or smtps://user:password@host:465")
        return given

    @model_validator(mode="after")
    def _whole(self) -> "MailSettings":
        if self.server and not (self.sender.isprintable() and _is_mail_address(parseaddr(self.sender)[1])):
            raise ValueError(
                "EVENTFLOW_MAIL_SENDER is no mail address: give one, such as Numbers <billing@example.com>"
            )
        self.by_client()
        return self

    def by_client(self) -> Mapping[UUID, tuple[str, ...]]:
        """Addresses of every client that has some."""
        problem = (
            "EVENTFLOW_MAIL_RECIPIENTS cannot be used: write JSON of clients' ids, each with a list of mail addresses, "
            'such as {"00000000-0000-0000-0000-000000000001": ["ann@example.com"]}'
        )
        try:
            given = json.loads(self.recipients.get_secret_value()) if self.recipients else {}
            found = {UUID(client): tuple(dict.fromkeys(addresses)) for client, addresses in given.items()}
        except (ValueError, AttributeError, TypeError):
            # Not the cause: it quotes what was given.
            raise ValueError(problem) from None
        if any(isinstance(addresses, str) for addresses in given.values()) or not all(
            isinstance(address, str) and _is_mail_address(address) for one in found.values() for address in one
        ):
            raise ValueError(problem)
        return found


def _is_mail_address(text: str) -> bool:
    return bool(re.fullmatch(r"[!-?A-~]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", text)) and not set(text) & set(
        '(),:;<>[]\\"'
    )


class AlertSettings(Section):
    """Alerts"""

    urls: SecretStr | None = Field(
        None,
        description="Receivers of alerts: Apprise addresses separated by blanks, each with an optional route before "
        "it, such as error=, warn=, team:growth=, team:growth+error=, escalation= (for errors that nobody answers) or "
        "default= (for what nobody else gets; else the first). Unset: a log line only.",
    )
    owners: Annotated[dict[str, str], NoDecode] = Field(
        default_factory=dict,
        description="Who owns what, as JSON: a client's id, a check or a condition, and the owner of a route, such as "
        '{"linkage": "team:growth"}. A client\'s owner comes before a check\'s, that before a condition\'s.',
    )
    interval_seconds: int = Field(30, ge=5, description="Pause between two checks of all conditions.")
    digest_hour: int = Field(
        9, ge=0, le=23, description="Local hour at which everything that is open is sent as one message, once a day."
    )
    escalate_minutes: int = Field(
        30,
        ge=1,
        le=720,
        description="Minutes people have to answer an error (eventflow alerts ack, mute or close) "
        "before receivers with the route escalation= are sent it, too.",
    )
    quiet_hours: str | None = Field(
        None, description="Local hours in which warnings and the daily message wait, such as 22:00-07:30. Unset: none."
    )
    repeat_minutes: int = Field(
        60, ge=1, description="With no database to remember what was sent, a message is repeated at most this often."
    )
    clear_seconds: int = Field(120, ge=0, description="How long a condition must be gone before its end is sent.")
    stale_warn_minutes: int = Field(
        10, ge=1, description="Minutes a day may be stale, or change detection silent, before it is a warning."
    )
    stale_error_minutes: int = Field(
        30, ge=1, description="Minutes a day may be stale, or change detection silent, before it is an error."
    )
    daemon_silent_seconds: int = Field(180, ge=60, description="No heartbeat or tick this long: the daemon is dead.")

    @field_validator("quiet_hours")
    @classmethod
    def _hours(cls, given: str | None) -> str | None:
        try:
            if given:
                QuietHours.of(given, ZoneInfo("UTC"))
        except ValueError:
            raise ValueError("write local hours such as 22:00-07:30") from None
        return given or None

    @field_validator("owners", mode="before")
    @classmethod
    def _parsed(cls, given: object) -> object:
        return _from_json(given)


class DocsSettings(Section):
    """Where the pages are"""

    runbook_url: str = Field("docs/runbook.md", description="Where alerts say the runbook is; #anchor is appended.")
    dagster_url: str = Field(
        "", description="Where Dagster's user interface is, for links in alerts. Empty: alerts have no link to it."
    )
    rules_url: str = Field("docs/rules.md", description="Where assets say the rules are; of an address, with #anchor.")


class WebinarSettings(Section):
    """Concurrency of webinars"""

    before_minutes: int = Field(60, ge=0, description="Sampling begins this long before a webinar's start (W1).")
    after_minutes: int = Field(240, ge=1, description="Sampling goes on this long after a webinar's start (W1).")
    presence_min_seconds: int = Field(
        60, ge=0, description="A ping sooner after the viewer's last one is ignored; stored by `eventflow migrate`."
    )
    presence_active_seconds: int = Field(180, ge=1, description="A viewer is active this long after the last ping.")
    sampler_silent_seconds: int = Field(
        90, ge=60, description="A live webinar without a sample for longer means that the sampler is silent."
    )


class CaptureSettings(Section):
    """Capture of visits and registrations"""

    keys: SecretStr | None = Field(
        None, description="Keys that sign capture's cookies, comma-separated, newest first, 16 characters or more each."
    )
    session_cookie: str = Field("ef_session", description="Name of the session cookie (S1).")
    first_cookie: str = Field("ef_first_touch", description="Name of the first-touch cookie (S2).")
    last_cookie: str = Field("ef_last_touch", description="Name of the last-touch cookie (S2).")
    provisional_cookie: str = Field(
        "ef_provisional", description="Beginning of the name of the cookie of a page that was fetched ahead (M2)."
    )
    cookie_domain: str | None = Field(None, description="Domain of the cookies. Unset: the very host.")
    secure_cookies: bool = Field(True, description="Cookies travel over HTTPS only.")
    session_hours: float = Field(24, gt=0, description="Life of the session cookie after the last request.")
    first_days: float = Field(365, gt=0, le=400, description="Life of the first-touch cookie.")
    last_days: float = Field(
        30,
        gt=0,
        le=400,
        description="Life of the last-touch cookie; whether it attributes: EVENTFLOW_CAPTURE_TRUST_HOURS.",
    )
    trust_hours: float = Field(24, ge=0, description="How old a last touch may be and still attribute a fact.")
    scope_segments: int = Field(
        0, ge=0, le=4, description="Leading path segments that name the tenant, whose touches are kept apart."
    )
    other_encoding: str = Field(
        "cp949", description="What a query is read in that is not UTF-8 (N1). Empty: it keeps its percent form."
    )
    country_code: str = Field(
        "82",
        pattern=r"^[1-9][0-9]{0,2}$",
        description="Calling code of the country whose phone numbers are stored as dialled there (82: 01012345678).",
    )
    origins: str = Field(
        "",
        description="Origins whose pages may call, besides that of EVENTFLOW_CAPTURE_SITE_URL, comma-separated "
        "(https://site.example). Without either: pages on loopback alone.",
    )
    rate: str = Field(
        "3000/minute",
        description="Calls of one address (IPv6: of a /64) without a session of ours, for each campaign, and its "
        "look-ups of short links, such as 3000/minute; off: no limit, nor the two below.",
    )
    session_rate: str = Field("120/minute", description="Calls of one session, whose cookie must be ours.")
    address_rate: str = Field("9000/minute", description="All requests of one address: a hall of visitors behind it.")
    connections: int = Field(256, ge=1, description="Connections that one address may hold, proxies excepted.")
    request_seconds: float = Field(10, gt=0, description="Longest a request may take to come in: headers, then body.")
    proxies: str = Field(
        "", description="Proxies whose X-Forwarded-For is believed, comma-separated addresses. Empty: of nobody."
    )
    body_kib: int = Field(64, ge=1, le=1024, description="Largest body of a call, in KiB.")
    queue: int = Field(20_000, ge=1, description="Events held in memory while the database is away.")
    queue_mib: int = Field(64, ge=1, description="Memory that events held while the database is away may take, in MiB.")
    visit_wait_ms: int = Field(25, ge=0, description="Longest a visit call waits to hear it is stored.")
    entry_wait_ms: int = Field(2_000, ge=0, description="Longest an entry call waits to hear it is stored.")
    metrics: str = Field(
        "127.0.0.1:8601",
        description="Where each process shows its metrics, for Prometheus and for on-call: an address and port that "
        "are not public; off: nowhere.",
    )
    processes: str = Field(
        "",
        description="Metrics of capture's processes that conditions, doctor and probe read, comma-separated "
        "(http://127.0.0.1:8601/metrics). Empty: nobody is told what they lose.",
    )
    limited_calls: int = Field(
        1_000, ge=0, description="Calls a process refuses for their rate in an hour, above which it is a warning."
    )
    site_url: str = Field("", description="Where short links lead: the site's origin. Empty: the app's own.")
    webinar_path: str = Field("/webinars/{id}", description="Path a short link to a webinar leads to.")
    jwt_secret: SecretStr | None = Field(
        None,
        description="HS256 secret of users' tokens, 32 bytes or more, for presence pings. Unset: pings are refused.",
    )
    jwt_audience: str | None = Field(
        None, description="Audience (aud) that users' tokens must be for, such as authenticated. Unset: any."
    )
    link_grace_seconds: int = Field(
        3_600, ge=0, description="How long a fact waits for a link its table refuses, before it is stored without."
    )
    letter_rows: int = Field(
        5_000,
        ge=1,
        description="Most dead letters of one client that wait; all unknown clients are one. Stored by "
        "`eventflow migrate`, as the next.",
    )
    letter_mib: int = Field(16, ge=1, le=4_096, description="Most MiB of dead letters of one client that wait.")
    dead_letter_days: int = Field(
        90, ge=1, description="Days a dead letter that cannot be replayed keeps its payload, personal data."
    )
    surface_days: int | None = Field(
        None, ge=31, description="Days the page and the first touch of a captured fact are kept. Unset: for good."
    )


class ServeSettings(Section):
    """Pages, statements and exports"""

    jwt_secret: SecretStr | None = Field(
        None, description="HS256 secret of users' tokens, 32 bytes or more: PostgREST's. `eventflow serve` needs it."
    )
    jwt_audience: str | None = Field(
        None, description="Audience (aud) that users' tokens must be for, such as authenticated. Unset: any."
    )
    keys: SecretStr | None = Field(
        None,
        description="Keys that sign shared links, comma-separated, newest first, 16 characters or more each. Unset: "
        "none are shared.",
    )
    site_url: str = Field(
        "",
        description="Where it is reached from outside (https://numbers.example), for links that are shared; of https, "
        "cookies travel over HTTPS only.",
    )
    origins: str = Field(
        "",
        description="Origins whose pages may exchange a token for a cookie, besides its own, comma-separated "
        "(https://app.example).",
    )
    connections: int = Field(64, ge=1, description="Connections that one address may hold, proxies excepted.")
    request_seconds: float = Field(10, gt=0, description="Longest a request may take to come in: headers, then body.")
    proxies: str = Field(
        "", description="Proxies whose X-Forwarded-For is believed, comma-separated addresses. Empty: of nobody."
    )
    database_connections: int = Field(8, ge=2, le=100, description="Connections to the database, at most.")
    statement_seconds: int = Field(30, ge=1, description="Longest a statement of a page may take.")
    exports: int = Field(
        2,
        ge=1,
        description="Exports at once, one of a caller, fewer than EVENTFLOW_SERVE_DATABASE_CONNECTIONS; whoever asks "
        "for more is asked to come back.",
    )
    export_seconds: int = Field(600, ge=1, description="Longest an export may take, to its last byte.")

    @model_validator(mode="after")
    def _pages_have_connections(self) -> "ServeSettings":
        if self.exports >= self.database_connections:
            raise ValueError(
                f"EVENTFLOW_SERVE_EXPORTS is {self.exports}, which leaves pages none of the "
                f"{self.database_connections} connections of EVENTFLOW_SERVE_DATABASE_CONNECTIONS: allow fewer "
                "exports or more connections"
            )
        return self


class Settings(BaseSettings):
    """Settings of one process. Secrets (the database URL) come from the environment alone and are never shown."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="_",
        env_nested_max_split=1,
        env_ignore_empty=True,
        frozen=True,
        extra="forbid",
    )

    timezone: str = Field("Asia/Seoul", description="Zone of the business day (T1), an IANA name.")
    start_date: date = Field(
        date(2025, 1, 1), ge=date(1970, 1, 1), le=date(2999, 12, 31), description="First daily partition, a local date."
    )
    home: Path = Field(default_factory=lambda: project_root() / ".eventflow", description="Folder of all local state.")

    engine: Literal["postgres", "spark"] = Field(
        "postgres", description="Who computes a day: the database that holds its facts, or a cluster (docs/scale.md)."
    )

    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    spark: SparkSettings = Field(default_factory=SparkSettings)
    owner: OwnerSettings = Field(default_factory=OwnerSettings)
    runs: RunSettings = Field(default_factory=RunSettings)
    ranges: RangeSettings = Field(default_factory=RangeSettings)
    changes: ChangeSettings = Field(default_factory=ChangeSettings)
    guard: GuardSettings = Field(default_factory=GuardSettings)
    quality: QualitySettings = Field(default_factory=QualitySettings)
    checks: CheckSettings = Field(default_factory=CheckSettings)
    closing: ClosingSettings = Field(default_factory=ClosingSettings)
    mail: MailSettings = Field(default_factory=MailSettings)
    alerts: AlertSettings = Field(default_factory=AlertSettings)
    docs: DocsSettings = Field(default_factory=DocsSettings)
    webinar: WebinarSettings = Field(default_factory=WebinarSettings)
    capture: CaptureSettings = Field(default_factory=CaptureSettings)
    serve: ServeSettings = Field(default_factory=ServeSettings)

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as problem:
            raise ValueError(
                f"EVENTFLOW_TIMEZONE names the unknown zone {name!r}: use an IANA name such as Asia/Seoul"
            ) from problem
        return name

    @field_validator("home")
    @classmethod
    def _absolute_home(cls, home: Path) -> Path:
        return home.expanduser().absolute()

    def changed(self, **changes: Any) -> Self:
        """A copy in which some settings differ: ``changed(timezone="UTC", capture={"rate": "off"})``.

        Values are taken as they are, not validated: they must have the type of the setting.
        """
        update = {
            name: getattr(self, name).model_copy(update=value) if isinstance(value, Mapping) else value
            for name, value in changes.items()
        }
        return self.model_copy(update=update)

    @property
    def zone(self) -> ZoneInfo:
        """The business zone."""
        return ZoneInfo(self.timezone)

    @property
    def observation(self) -> ObservationRules:
        """When webinars are observed, and who counts as active (W1)."""
        return ObservationRules(
            active=timedelta(seconds=self.webinar.presence_active_seconds),
            before=timedelta(minutes=self.webinar.before_minutes),
            after=timedelta(minutes=self.webinar.after_minutes),
        )

    @property
    def capture_rules(self) -> "CaptureRules":
        """The rules of capture (extra ``capture``). Raises UserError without usable keys."""
        from eventflow_pipeline.capture.rules import DAY, CaptureRules

        capture = self.capture
        given = capture.keys.get_secret_value() if capture.keys else ""
        keys = tuple(key.strip() for key in given.split(",") if key.strip())
        if not keys or min(map(len, keys)) < 16:
            raise UserError(
                "EVENTFLOW_CAPTURE_KEYS must name the keys that sign cookies: set one or more of 16 characters, "
                "comma-separated, newest first."
            )
        return CaptureRules(
            keys=keys,
            session_cookie=capture.session_cookie,
            first_cookie=capture.first_cookie,
            last_cookie=capture.last_cookie,
            provisional_cookie=capture.provisional_cookie,
            session_seconds=round(capture.session_hours * 3_600),
            first_seconds=round(capture.first_days * DAY),
            last_seconds=round(capture.last_days * DAY),
            trust_seconds=round(capture.trust_hours * 3_600),
            scope_segments=capture.scope_segments,
            secure=capture.secure_cookies,
            domain=capture.cookie_domain,
            other_encoding=capture.other_encoding or None,
            country_code=capture.country_code,
        )


@dataclass(frozen=True)
class Variable:
    """One variable of the environment and the setting it gives."""

    #: As in the environment.
    name: str
    #: Name of the section's field in Settings; None: of Settings itself.
    section: str | None
    #: Name of the setting's field in its section.
    field: str
    info: FieldInfo

    def _holder(self, settings: Settings) -> BaseModel:
        return getattr(settings, self.section) if self.section else settings

    def value(self, settings: Settings) -> object:
        """What the setting is."""
        return getattr(self._holder(settings), self.field)

    def is_chosen(self, settings: Settings) -> bool:
        """Whether somebody set it; else it holds its default."""
        return self.field in self._holder(settings).model_fields_set


def sections() -> Mapping[str | None, str]:
    """Title of every section by its field in Settings, in the order of the page; None: settings without a section."""
    titles: dict[str | None, str] = {None: "What everything depends on"}
    for name, info in Settings.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, Section):
            titles[name] = (info.annotation.__doc__ or name).splitlines()[0]
    return titles


def variables() -> Iterator[Variable]:
    """Every variable, by section."""
    for section in sections():
        model = Settings.model_fields[section].annotation if section else Settings
        assert model is not None
        for field, info in model.model_fields.items():
            if section or field not in sections():
                name = f"{section}_{field}" if section else field
                yield Variable(PREFIX + name.upper(), section, field, info)


def _refuse_unknown_variables() -> None:
    """Raise UserError on a variable that is no setting: misspelled, it would silently leave a default in force."""
    known = [variable.name for variable in variables()]
    for given, value in sorted(os.environ.items()):
        if value and given.upper().startswith(PREFIX) and given.upper() not in known:
            raise UserError(
                f"{given} is no setting (did you mean {_nearest(given.upper(), known)}?): correct or unset it; "
                "`eventflow settings` lists all."
            )


def _nearest(given: str, known: list[str]) -> str:
    """The likeliest of ``known``: spelled most alike, and with the same words wherever they stand."""
    words = set(given.split("_"))

    def likeness(name: str) -> float:
        others = set(name.split("_"))
        return difflib.SequenceMatcher(None, given, name).ratio() + len(words & others) / len(words)

    return max(known, key=likeness)


def _variable_of(location: tuple[int | str, ...]) -> str:
    """The variable that gives the value at a place in Settings."""
    parts = [str(part) for part in location[: 2 if location[0] in sections() else 1]]
    return PREFIX + "_".join(parts).upper()


def load_settings() -> Settings:
    """Settings from the environment. Raises UserError naming the first variable that is wrong or no setting."""
    _refuse_unknown_variables()
    try:
        return Settings()
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        message = str(first["msg"]).removeprefix("Value error, ")
        if not message.startswith(PREFIX):
            message = (
                f"{_variable_of(first['loc'])} cannot be used: {message[0].lower()}{message[1:]}; correct or unset it"
            )
        raise UserError(message + ".") from problem


def dagster_database_url() -> str | None:
    """``DAGSTER_POSTGRES_URL``: where Dagster keeps its runs and events; None when unset."""
    return os.environ.get("DAGSTER_POSTGRES_URL") or None
