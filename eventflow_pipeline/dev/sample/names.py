"""Names and vocabularies of the sample, and randomness and identifiers that depend on the seed alone.

All companies are invented; nobody is named.
"""

from dataclasses import dataclass
from random import Random
from uuid import UUID

AGENCIES = ("Paperlantern Marketing", "한물결 에이전시", "Two Rivers Events", "Moonjar Communications")
CLIENTS = (
    "Lumenfold Robotics",
    "온결데이터",
    "Tidewell Foods",
    "Graniteloop Cloud",
    "새벽숲 바이오",
    "Ferncrest Finance",
    "Halfmoon Semicon",
    "다솜별 교육",
)
#: (title, path) of registration campaigns and of surveys; ``{year}`` is that of the last day.
REGISTRATIONS = (
    ("Spring Seminar {year}", "spring-seminar"),
    ("Product Launch Briefing", "product-launch"),
    ("신제품 런칭 쇼케이스", "launch-showcase"),
    ("Partner Day {year}", "partner-day"),
    ("Data Security Forum", "security-forum"),
    ("Autumn User Conference", "user-conference"),
    ("고객 초청 세미나 {year}", "customer-seminar"),
    ("Cloud Cost Workshop", "cloud-cost"),
    ("Developer Meetup", "developer-meetup"),
    ("Industry Trends {year}", "industry-trends"),
)
SURVEYS = (
    ("Customer Satisfaction Survey", "satisfaction"),
    ("행사 만족도 조사", "event-survey"),
    ("Product Feedback Survey", "feedback"),
    ("Brand Awareness Survey", "brand"),
)
WEBINARS = (
    ("Launch Live: Morning Session", "live"),
    ("Launch Live: Evening Session", "live"),
    ("실무자를 위한 데이터 활용", "live"),
    ("Getting Started on Demand", "ondemand"),
    ("Quarterly Roadmap Live", "live"),
    ("보안 점검 다시보기", "ondemand"),
)
USER_AGENTS = (None, None, "Chrome on Windows", "Safari on iOS", "Chrome on Android", "Edge on Windows")


@dataclass(frozen=True, slots=True)
class Channel:
    """A marketing channel: its name in UTM, the page that refers from it, and how much traffic it brings."""

    name: str
    source: str
    medium: str
    referrer: str | None
    weight: int


NEWSLETTER = Channel("Newsletter", "newsletter", "email", None, 10)
LINK_CHANNELS = (
    Channel("Naver search ads", "naver", "cpc", "https://search.naver.com/", 26),
    Channel("Kakao channel", "kakao", "social", "https://pf.kakao.com/", 18),
    Channel("Google search ads", "google", "cpc", "https://www.google.com/", 14),
    Channel("Meta ads", "meta", "paid_social", "https://l.facebook.com/", 12),
    Channel("Partner site", "partner", "referral", "https://partner.example/", 8),
    Channel("Video channel", "youtube", "video", "https://www.youtube.com/", 8),
)
#: Traffic with UTM but without a link.
UTM_CHANNELS = (
    Channel("Blog post", "naver_blog", "organic", "https://blog.naver.com/", 5),
    Channel("Community", "linkedin", "social", "https://www.linkedin.com/", 4),
)
#: Referrers of traffic with nothing supplied; None is a direct visit.
PLAIN_REFERRERS = (
    None,
    None,
    "https://search.naver.com/",
    "https://www.google.com/",
    "https://www.daum.net/",
)


def numbered(names: tuple[str, ...], index: int) -> str:
    """The ``index``-th name; from the second round on with the round's number, so that all differ."""
    turn, place = divmod(index, len(names))
    return names[place] if turn == 0 else f"{names[place]} {turn + 1}"


_VERSION_AND_VARIANT = (0xF << 76) | (0x3 << 62)
_RANDOM_UUID = (0x4 << 76) | (0x2 << 62)
# Letters only, so that no token can ever look like a phone number.
_LETTERS = str.maketrans("0123456789", "ghijkmnpqr")
_CID_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


def stream(seed: int, purpose: str) -> Random:
    """A generator of its own for one purpose: drawing more in one place changes nothing in another."""
    return Random(f"{seed}/{purpose}")


def random_uuid(rng: Random) -> UUID:
    """A version 4 UUID drawn from ``rng``."""
    return UUID(int=(rng.getrandbits(128) & ~_VERSION_AND_VARIANT) | _RANDOM_UUID)


def session_token(rng: Random) -> str:
    """An opaque session id of 24 lower-case letters."""
    return f"{rng.getrandbits(96):024x}".translate(_LETTERS)


def new_cid(rng: Random, taken: set[str]) -> str:
    """A cid of 8 characters (^[A-Z0-9]{8}$) not in ``taken``, to which it is added."""
    while (cid := "".join(rng.choices(_CID_ALPHABET, k=8))) in taken:
        pass
    taken.add(cid)
    return cid
