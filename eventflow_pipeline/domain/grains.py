"""The published grains (M5): which key columns a bucket of each has.

``stats.grain`` holds the same registry for SQL; a test keeps the two equal. Adding a grain is one entry here
and one migration (its row and its partition of ``stats.bucket_daily``).
"""

from dataclasses import dataclass

#: Key columns of the finest bucket, in the order every table and function lists them.
KEY_COLUMNS = (
    "client_id",
    "entity_type",
    "entity_id",
    "link_id",
    "link_status",
    "utm_source",
    "utm_medium",
    "utm_campaign",
)
#: Measures of every bucket (M1, M2, M3); ``cvr`` (M4) is derived when read.
MEASURES = ("hits", "visits", "sessionless_hits", "conversions")

_ENTITY = ("entity_type", "entity_id")
_UTM = ("utm_source", "utm_medium", "utm_campaign")


@dataclass(frozen=True, slots=True)
class Grain:
    """A published grain: its name, its key columns and what one bucket of it is."""

    name: str
    keys: tuple[str, ...]
    title: str

    @property
    def table(self) -> str:
        """Name (in schema ``stats``) of the partition that holds the daily buckets; also the asset's name."""
        return f"{self.name}_daily"


GRAINS = (
    Grain("platform", (), "everything"),
    Grain("client", ("client_id",), "one client"),
    Grain("campaign", ("client_id", *_ENTITY), "one campaign or webinar of a client"),
    Grain(
        "link",
        ("client_id", *_ENTITY, "link_id", "link_status"),
        "one marketing link (or none) leading to one campaign or webinar",
    ),
    Grain("utm_source", ("client_id", "utm_source"), "one UTM source within a client"),
    Grain("utm_medium", ("client_id", "utm_medium"), "one UTM medium within a client"),
    Grain("utm_campaign", ("client_id", "utm_campaign"), "one UTM campaign within a client"),
    Grain("utm", ("client_id", *_UTM), "one UTM source, medium and campaign together within a client"),
    Grain("campaign_utm", ("client_id", *_ENTITY, *_UTM), "one campaign or webinar and UTM combination"),
)
BY_NAME = {grain.name: grain for grain in GRAINS}
