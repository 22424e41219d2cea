"""Every knob of the project, once, typed, read from the environment (``EVENTFLOW_*``)."""

import os
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from eventflow_pipeline.domain.concurrency import ObservationRules
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
