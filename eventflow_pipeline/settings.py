"""Every knob of the project, once, typed, read from the environment (``EVENTFLOW_*``)."""

import os
from datetime import date
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from eventflow_pipeline.capture.rules import DAY, CaptureRules
from eventflow_pipeline.errors import UserError

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
    start_date: date = Field(date(2025, 1, 1), description="First daily partition, a local date.")
    home: Path = Field(default_factory=lambda: project_root() / ".eventflow", description="Folder of all local state.")
    parallel_days: int = Field(2, ge=1, le=32, description="Days a run replaces at once, one connection each.")
    days_per_run: int | None = Field(
        None, ge=1, description="Days of a backfill that go into one run. Unset: the whole range."
    )
    statement_timeout_seconds: int = Field(600, ge=1, description="Longest a single statement may take.")
    lock_timeout_seconds: int = Field(600, ge=1, description="Longest to wait for another worker's day.")
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
    capture_rate: str = Field("600/minute", description="Calls a minute from one address; empty: no limit.")
    capture_body_kib: int = Field(64, ge=1, le=1024, description="Largest body of a call.")
    capture_queue: int = Field(20_000, ge=1, description="Events held in memory while the database is away.")
    capture_queue_mib: int = Field(64, ge=1, description="Memory those events may take.")
    capture_visit_wait_ms: int = Field(25, ge=0, description="Longest a visit call waits to hear it is stored.")
    capture_entry_wait_ms: int = Field(2_000, ge=0, description="Longest an entry call waits to hear it is stored.")
    capture_site_url: str = Field("", description="Where short links lead: the site's origin. Empty: the app's own.")
    capture_webinar_path: str = Field("/webinars/{id}", description="Path a short link to a webinar leads to.")
    capture_jwt_secret: SecretStr | None = Field(
        None, description="HS256 secret of the users' tokens, for presence pings. Unset: pings are refused."
    )
    capture_link_grace_seconds: int = Field(
        3_600, ge=0, description="How long a fact waits for a link its table refuses, before it is stored without."
    )
    capture_dead_letter_days: int = Field(
        90, ge=1, description="Days a dead letter that cannot be replayed keeps its payload, personal data."
    )

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
    def capture_rules(self) -> CaptureRules:
        """The rules of capture. Raises UserError without usable keys."""
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
