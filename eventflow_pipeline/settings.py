"""Every knob of the project, once, typed, read from the environment (``EVENTFLOW_*``)."""

import os
from collections.abc import Mapping
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from eventflow_pipeline.domain.concurrency import ObservationRules
from eventflow_pipeline.domain.quality import DEFAULT_THRESHOLDS, Threshold
from eventflow_pipeline.errors import UserError

if TYPE_CHECKING:
    from eventflow_pipeline.capture.rules import CaptureRules

PACKAGE = Path(__file__).resolve().parent


def project_root() -> Path:
    """The checkout this package runs from, or the working folder when it was installed from a wheel."""
    return PACKAGE.parent if (PACKAGE.parent / "pyproject.toml").exists() else Path.cwd()


class Settings(BaseSettings):
    """Settings of one process. Secrets (the database URL) come from the environment alone and are never shown."""

    model_config = SettingsConfigDict(env_prefix="EVENTFLOW_", frozen=True, extra="ignore", env_ignore_empty=True)

    database_url: SecretStr | None = Field(
        None, description="Facts and buckets: any Postgres 15 or later. Unset: a server of the project's own."
    )
    timezone: str = Field("Asia/Seoul", description="Zone of the business day (T1), an IANA name.")
    start_date: date = Field(
        date(2025, 1, 1), ge=date(1970, 1, 1), le=date(2999, 12, 31), description="First daily partition, a local date."
    )
    home: Path = Field(default_factory=lambda: project_root() / ".eventflow", description="Folder of all local state.")
    parallel_days: int = Field(2, ge=1, le=32, description="Days a run replaces at once, one connection each.")
    days_per_run: int = Field(
        90,
        ge=1,
        description="Most days that go into one run, of backfills as of heals: longer ranges are several runs.",
    )
    statement_timeout_seconds: int = Field(600, ge=1, description="Longest a single statement may take.")
    lock_timeout_seconds: int = Field(600, ge=1, description="Longest to wait for another worker's day.")
    lookback_days: int = Field(
        3, ge=0, description="Days before today that every tick of change detection compares with their facts."
    )
    sweep_days: int = Field(90, ge=1, description="Days before today that the hourly pass compares.")
    ingest_overlap_minutes: int = Field(
        60, ge=1, description="How far before the last pass late facts are looked for: longer than any transaction."
    )
    guard_loss_share: float = Field(
        0.2, ge=0, le=1, description="Share of a client's day whose loss by deletion or vanished rows is held."
    )
    guard_minimum_volume: int = Field(
        10, ge=1, description="Hits or conversions of a client's day from which deletions are judged."
    )
    guard_settled_days: int = Field(
        30, ge=0, description="Settled days (older than the look-back) that may lose facts or dimension rows at once."
    )
    work_mem_mb: int = Field(64, ge=1, description="work_mem of a day's transaction; below it sorts go to disk.")
    capture_keys: SecretStr | None = Field(
        None, description="Keys that sign capture's cookies, comma-separated, newest first, 16 characters or more each."
    )
    capture_session_cookie: str = Field("ef_session", description="Name of the session cookie (S1).")
    capture_first_cookie: str = Field("ef_first_touch", description="Name of the first-touch cookie (S2).")
    capture_last_cookie: str = Field("ef_last_touch", description="Name of the last-touch cookie (S2).")
    capture_cookie_domain: str | None = Field(None, description="Domain of the cookies. Unset: the very host.")
    capture_secure_cookies: bool = Field(True, description="Cookies travel over HTTPS only.")
    capture_session_hours: float = Field(24, gt=0, description="Life of the session cookie after the last request.")
    capture_first_days: float = Field(365, gt=0, le=400, description="Life of the first-touch cookie.")
    capture_last_days: float = Field(30, gt=0, le=400, description="Life of the last-touch cookie; no trust.")
    capture_trust_hours: float = Field(24, ge=0, description="How old a last touch may be and still attribute a fact.")
    capture_scope_segments: int = Field(
        0, ge=0, le=4, description="Leading path segments that name the tenant, whose touches are kept apart."
    )
    capture_origins: str = Field(
        "", description="Origins besides the app's own that may call it, comma-separated (https://site.example)."
    )
    capture_rate: str = Field("600/minute", description="Calls from one address, such as 600/minute; off: no limit.")
    capture_body_kib: int = Field(64, ge=1, le=1024, description="Largest body of a call.")
    capture_queue: int = Field(20_000, ge=1, description="Events held in memory while the database is away.")
    capture_queue_mib: int = Field(64, ge=1, description="Memory those events may take.")
    capture_visit_wait_ms: int = Field(25, ge=0, description="Longest a visit call waits to hear it is stored.")
    capture_entry_wait_ms: int = Field(2_000, ge=0, description="Longest an entry call waits to hear it is stored.")
    capture_site_url: str = Field("", description="Where short links lead: the site's origin. Empty: the app's own.")
    capture_webinar_path: str = Field("/webinars/{id}", description="Path a short link to a webinar leads to.")
    capture_jwt_secret: SecretStr | None = Field(
        None,
        description="HS256 secret of users' tokens, 32 bytes or more, for presence pings. Unset: pings are refused.",
    )
    capture_jwt_audience: str | None = Field(
        None, description="Audience (aud) those tokens must be for, such as authenticated. Unset: any."
    )
    capture_link_grace_seconds: int = Field(
        3_600, ge=0, description="How long a fact waits for a link its table refuses, before it is stored without."
    )
    capture_dead_letter_days: int = Field(
        90, ge=1, description="Days a dead letter that cannot be replayed keeps its payload, personal data."
    )

    presence_min_seconds: int = Field(
        60, ge=0, description="A ping sooner after the viewer's last one is ignored; stored by `eventflow migrate`."
    )
    presence_active_seconds: int = Field(180, ge=1, description="A viewer is active this long after the last ping.")
    webinar_before_minutes: int = Field(
        60, ge=0, description="Sampling begins this long before a webinar's start (W1)."
    )
    webinar_after_minutes: int = Field(240, ge=1, description="Sampling goes on this long after the start (W1).")
    sampler_silent_seconds: int = Field(
        90, ge=60, description="A live webinar without a sample for longer means that the sampler is silent."
    )
    alert_urls: SecretStr | None = Field(
        None,
        description="Receivers of alerts: Apprise addresses separated by blanks, each with an optional route before "
        "it, such as error=, warn=, team:growth= or team:growth+error=. Unset: a log line only.",
    )
    alert_interval_seconds: int = Field(30, ge=5, description="How often conditions are looked at.")
    alert_reminder_minutes: int = Field(240, ge=1, description="A condition that lasts is told again this often.")
    alert_settle_seconds: int = Field(
        120, ge=0, description="How long a condition must be gone before its end is told."
    )
    runbook_url: str = Field("docs/runbook.md", description="Where alerts say the runbook is; #anchor is appended.")
    rules_url: str = Field("docs/rules.md", description="Where assets say the rules are; of an address, with #anchor.")
    stale_warn_minutes: int = Field(10, ge=1, description="A day stale, or no detection pass, this long: a warning.")
    stale_error_minutes: int = Field(30, ge=1, description="... and this long: an error.")
    daemon_silent_seconds: int = Field(180, ge=60, description="No heartbeat or tick this long: the daemon is dead.")
    deficit_window_minutes: int = Field(60, ge=5, description="Trailing window of the deficit of visits (Q6).")
    deficit_min_entries: int = Field(5, ge=1, description="Entries from which a deficit is judged (Q6).")
    deficit_error_share: float = Field(0.10, ge=0, description="Visits below this share of entries: an error (Q6).")
    deficit_warn_share: float = Field(0.50, ge=0, description="Visits below this share of entries: a warning (Q6).")
    detection_seconds: int = Field(30, ge=1, description="Pause between two looks for changed facts.")
    heal_retry_seconds: int = Field(
        60, ge=1, description="Pause before a changed day whose run failed is tried again; doubles each time."
    )
    heal_attempts: int = Field(
        8, ge=1, description="Failed automatic runs of a day within 24 hours after which it waits for somebody."
    )
    run_retention_days: int = Field(
        3, ge=1, description="Days that superseded automatic runs, their events and their ticks are kept."
    )

    hourly_clients: Annotated[tuple[UUID, ...], NoDecode] = Field(
        (), description="Clients that get hour buckets (B1), ids separated by commas."
    )
    hourly_campaigns: Annotated[tuple[UUID, ...], NoDecode] = Field(
        (), description="Campaigns and webinars that get hour buckets (B1), ids separated by commas."
    )

    longest_range_days: int | None = Field(
        None,
        ge=1,
        description="Prune the session-days: longest range then answered, in days, and oldest day then replaced. "
        "Unset: never pruned.",
    )

    @field_validator("hourly_clients", "hourly_campaigns", mode="before")
    @classmethod
    def _listed(cls, ids: object) -> object:
        """A list as the environment has it; the same ids in another order are the same setting."""
        listed = ids.replace(",", " ").split() if isinstance(ids, str) else ids
        return tuple(sorted(set(listed), key=str)) if isinstance(listed, list | tuple) else listed

    thresholds: dict[str, Threshold] = Field(
        default_factory=dict,
        validate_default=True,
        description="Thresholds of quality checks that differ from the defaults, as JSON: "
        '{"linkage": {"warn": 0.6}}. Single clients: stats.threshold_override.',
    )
    minimum_volume: int = Field(30, ge=1, description="Hits or entries from which a client's rates are judged.")
    linkage_days_before: int = Field(30, ge=1, description="Look-back of the linkage rate before an entry (Q2).")
    linkage_minutes_after: int = Field(5, ge=0, description="... and after it.")
    clone_entries: int = Field(20, ge=1, description="Shared entries from which two campaigns are suspected (Q7).")
    clone_share: float = Field(0.20, ge=0, le=1, description="... and the share of either they must be.")
    silence_minutes: int = Field(30, ge=1, description="Quiet of a client's stream that is never judged (Q7).")
    silence_factor: float = Field(
        3.0, ge=1, description="Multiple of the 99th percentile of a stream's gaps from which it is silent (Q7)."
    )
    verify_days: int = Field(35, ge=1, description="Days the nightly verification looks back, plus as many older ones.")
    checks_recorded_days: int = Field(
        400,
        ge=1,
        description="Days of a range run whose passing checks are recorded one by one; failing ones always are.",
    )

    @field_validator("thresholds")
    @classmethod
    def _with_defaults(cls, given: dict[str, Threshold]) -> dict[str, Threshold]:
        if unknown := sorted(given.keys() - DEFAULT_THRESHOLDS.keys()):
            raise ValueError(
                f"EVENTFLOW_THRESHOLDS names the unknown threshold {unknown[0]!r}: use one of "
                + ", ".join(DEFAULT_THRESHOLDS)
            )
        return {name: usual.overridden(given.get(name)) for name, usual in DEFAULT_THRESHOLDS.items()}

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

    @cached_property
    def zone(self) -> ZoneInfo:
        """The business zone."""
        return ZoneInfo(self.timezone)

    @property
    def observation(self) -> ObservationRules:
        """When webinars are observed, and who counts as active (W1)."""
        return ObservationRules(
            active=timedelta(seconds=self.presence_active_seconds),
            before=timedelta(minutes=self.webinar_before_minutes),
            after=timedelta(minutes=self.webinar_after_minutes),
        )

    @property
    def day_settings(self) -> Mapping[str, tuple[str, ...]]:
        """Settings, by name, that change what the transaction of a day stores: when one does, days must be replaced.

        Zone and first partition are not among them: they are stored as the build settings, which must be rebuilt.
        """
        return {name: tuple(map(str, getattr(self, name))) for name in ("hourly_clients", "hourly_campaigns")}

    @property
    def capture_rules(self) -> "CaptureRules":
        """The rules of capture (extra ``capture``). Raises UserError without usable keys."""
        from eventflow_pipeline.capture.rules import DAY, CaptureRules

        given = self.capture_keys.get_secret_value() if self.capture_keys else ""
        keys = tuple(key.strip() for key in given.split(",") if key.strip())
        if not keys or min(map(len, keys)) < 16:
            raise UserError(
                "EVENTFLOW_CAPTURE_KEYS must name the keys that sign cookies: set one or more of 16 characters, "
                "comma-separated, newest first."
            )
        return CaptureRules(
            keys=keys,
            session_cookie=self.capture_session_cookie,
            first_cookie=self.capture_first_cookie,
            last_cookie=self.capture_last_cookie,
            session_seconds=round(self.capture_session_hours * 3_600),
            first_seconds=round(self.capture_first_days * DAY),
            last_seconds=round(self.capture_last_days * DAY),
            trust_seconds=round(self.capture_trust_hours * 3_600),
            scope_segments=self.capture_scope_segments,
            secure=self.capture_secure_cookies,
            domain=self.capture_cookie_domain,
        )

    @property
    def chosen(self) -> frozenset[str]:
        """Names of the settings somebody set; the others hold defaults."""
        return frozenset(self.model_fields_set)


def load_settings() -> Settings:
    """Settings from the environment. Raises UserError naming the first variable that is wrong."""
    try:
        return Settings()  # type: ignore[call-arg,unused-ignore]
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        message = str(first["msg"]).removeprefix("Value error, ")
        if not message.startswith("EVENTFLOW_"):
            name = "EVENTFLOW_" + "_".join(str(part) for part in first["loc"]).upper()
            message = f"{name} cannot be used: {message[0].lower()}{message[1:]}; correct or unset it"
        raise UserError(message + ".") from problem


def dagster_database_url() -> str | None:
    """``DAGSTER_POSTGRES_URL``: where Dagster keeps its runs and events; None when unset."""
    return os.environ.get("DAGSTER_POSTGRES_URL") or None
