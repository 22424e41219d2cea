"""Who may see what: the same users in every sample, so that a tenancy example can name them."""

from uuid import UUID

from eventflow_pipeline.dev.sample.rows import Agency, AgencyMember, Client, ClientMember

CLIENT_ROLES = ("owner", "admin", "operator", "analyst", "member")
AGENCY_ROLES = ("owner", "admin", "analyst")


def client_user(client: int, role: str) -> UUID:
    """User who has ``role`` in the sample's client number ``client`` (from 0); the same for every seed."""
    return UUID(f"00000000-0000-4000-8000-c{client:07d}{CLIENT_ROLES.index(role):04d}")


def agency_user(agency: int, role: str) -> UUID:
    """User who has ``role`` in the sample's agency number ``agency`` (from 0); the same for every seed."""
    return UUID(f"00000000-0000-4000-8000-a{agency:07d}{AGENCY_ROLES.index(role):04d}")


def client_members(clients: list[Client]) -> list[ClientMember]:
    """Every role in every client; the first client's analyst also works for the second (P2)."""
    members = [
        ClientMember(client.id, client_user(number, role), role)
        for number, client in enumerate(clients)
        for role in CLIENT_ROLES
    ]
    return [*members, ClientMember(clients[1].id, client_user(0, "analyst"), "analyst")]


def agency_members(agencies: list[Agency]) -> list[AgencyMember]:
    """Every role in every agency."""
    return [
        AgencyMember(agency.id, agency_user(number, role), role)
        for number, agency in enumerate(agencies)
        for role in AGENCY_ROLES
    ]
