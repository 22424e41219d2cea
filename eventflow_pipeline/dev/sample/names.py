"""Names and vocabularies of the sample. All companies are invented; nobody is named."""

from dataclasses import dataclass

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
