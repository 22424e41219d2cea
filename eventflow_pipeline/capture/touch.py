"""Attribution of one arrival, and the arrival itself as the cookies remember it (S2)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from eventflow_pipeline.capture.text import cid_text, clean, utm_text, uuid_text
from eventflow_pipeline.domain.personal_data import LOOKED_AT, personal_kind

UTM = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")


@dataclass(frozen=True, slots=True)
class Attribution:
    """Where somebody came from: five UTM values, cid and link id, each normalized (N1) or None."""

    utm_source: str | None = None
    utm_medium: str | None = None
    utm_campaign: str | None = None
    utm_term: str | None = None
    utm_content: str | None = None
    cid: str | None = None
    link_id: str | None = None

    @classmethod
    def read(
        cls, supplied: Mapping[str, object], link_names: Iterable[str], personal: Iterable[str] = ()
    ) -> tuple[Self, tuple[str, ...]]:
        """What ``supplied`` says, and what was rejected, as ``field:why``.

        ``personal`` are form values of the same call: a UTM value equal to one of them is a form value (S7).
        """
        rejected: list[str] = []
        values: dict[str, str | None] = {}
        secrets = {value.casefold() for value in personal}
        for name in (*UTM, "cid"):
            value = (cid_text if name == "cid" else utm_text)(supplied.get(name))
            text = value and (clean(supplied[name], LOOKED_AT) or value)
            kind = text and (personal_kind(text) or ("form" if text.casefold() in secrets else None))
            if kind:
                rejected.append(f"{name}:{kind}")
            elif value:
                values[name] = value
        link = next((found for name in link_names if (found := clean(supplied.get(name)))), None)
        if link and (identifier := uuid_text(link)) is None:
            rejected.append("link_id:malformed")
        elif link:
            values["link_id"] = identifier
        return cls(**values), tuple(rejected)

    def supplied(self) -> dict[str, str]:
        """The fields that are there."""
        return {f.name: value for f in fields(self) if (value := getattr(self, f.name)) is not None}

    def __bool__(self) -> bool:
        return bool(self.supplied())

    def agrees_with(self, whole: "Attribution") -> bool:
        """True when ``whole`` says everything that this one says: then both may be one arrival."""
        return self.supplied().items() <= whole.supplied().items()


@dataclass(frozen=True, slots=True)
class Touch:
    """One arrival: its attribution, its time (seconds since 1970, UTC) and the host it came from."""

    attribution: Attribution
    at: int
    referrer: str | None = None

    def content(self) -> dict[str, Any]:
        """The touch as the JSON object its cookie carries."""
        more = {"referrer": self.referrer} if self.referrer else {}
        return {"at": self.at, **self.attribution.supplied(), **more}

    @classmethod
    def from_content(cls, content: Mapping[str, Any]) -> Self | None:
        """The touch of a cookie's content; None when it is not one."""
        at, referrer = content.get("at"), content.get("referrer")
        if not isinstance(at, int) or isinstance(at, bool):
            return None
        known = {f.name: content[f.name] for f in fields(Attribution) if isinstance(content.get(f.name), str)}
        return cls(Attribution(**known), at, referrer if isinstance(referrer, str) else None)
