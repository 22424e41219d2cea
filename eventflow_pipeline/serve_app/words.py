"""The words of the pages, in English and Korean; what numbers and instants look like."""

from collections.abc import Mapping
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

from eventflow_pipeline.domain.days import local_time

#: Each word by its name: English, Korean.
_WORDS: Mapping[str, tuple[str, str]] = {
    "overview": ("Overview", "개요"),
    "clients": ("Clients", "고객사"),
    "client": ("Client", "고객사"),
    "period": ("Period", "기간"),
    "from": ("From", "시작일"),
    "to": ("To", "종료일"),
    "show": ("Show", "조회"),
    "days_7": ("7 days", "7일"),
    "days_30": ("30 days", "30일"),
    "this_month": ("This month", "이번 달"),
    "last_month": ("Last month", "지난달"),
    "totals": ("Totals", "합계"),
    "visits": ("Visits", "방문"),
    "hits": ("Hits", "조회수"),
    "conversions": ("Conversions", "전환"),
    "cvr": ("Conversion rate", "전환율"),
    "before": ("before", "직전 기간"),
    "not_compared": (
        "Not compared: the period before is not complete.",
        "직전 기간의 데이터가 완전하지 않아 비교하지 않습니다.",
    ),
    "days": ("Days", "일별"),
    "weeks": ("Weeks", "주별"),
    "months": ("Months", "월별"),
    "platform": ("The whole platform", "플랫폼 전체"),
    "date": ("Date", "날짜"),
    "campaigns": ("Campaigns", "캠페인"),
    "campaign": ("Campaign", "캠페인"),
    "links": ("Links", "링크"),
    "link": ("Link", "링크"),
    "leads_to": ("Leads to", "연결 대상"),
    "status": ("Status", "상태"),
    "resolved": ("known link", "확인된 링크"),
    "unresolved": ("unknown link id", "등록되지 않은 링크"),
    "unknown": ("without link", "링크 없음"),
    "utm": ("UTM", "UTM"),
    "source": ("Source", "소스"),
    "medium": ("Medium", "매체"),
    "utm_campaign": ("UTM campaign", "UTM 캠페인"),
    "webinars": ("Webinars", "웨비나"),
    "webinar": ("Webinar", "웨비나"),
    "starts": ("Starts", "시작"),
    "peak": ("Most at once", "최대 동시 시청"),
    "missed": ("Minutes missed", "누락된 분"),
    "quality": ("Data quality", "데이터 품질"),
    "linkage": ("Linked registrations", "연결된 등록"),
    "utm_captured": ("UTM captured", "UTM 수집"),
    "utm_attributed": ("UTM attributed", "UTM 귀속"),
    "unresolved_share": ("Unknown link ids", "미등록 링크"),
    "unknown_share": ("Without link", "링크 없음"),
    "excluded": ("Excluded hits", "제외된 조회수"),
    "none": ("(none)", "(없음)"),
    "no_campaign": ("(no campaign)", "(캠페인 없음)"),
    "folded": ("(folded)", "(묶음)"),
    "rest": ("others", "기타"),
    "nothing": ("Nothing in this period.", "이 기간에는 데이터가 없습니다."),
    "complete": ("Complete", "완전함"),
    "incomplete": (
        "Not complete: a day is missing or is being computed again, so these numbers may change.",
        "완전하지 않음: 일부 날짜가 아직 계산되지 않아 수치가 바뀔 수 있습니다.",
    ),
    "late": ("Later than promised.", "갱신이 지연되고 있습니다."),
    "closed": ("Closed: billed as it is here.", "마감됨: 이 수치로 정산합니다."),
    "not_closed": ("Not closed: late data may still change it.", "마감 전: 늦게 들어온 데이터로 바뀔 수 있습니다."),
    "as_of": ("as of", "기준 시각"),
    "shown_days": ("Shown", "조회 범위"),
    "why": ("Why this number", "이 수치의 근거"),
    "why_text": (
        "Each figure counts facts: a hit is one page view, a visit one session, a conversion one registration. Hits "
        "and conversions of the parts add up to the total. Visits do not: a session seen in two campaigns or on two "
        "days is one visit of the whole.",
        "모든 수치는 원시 데이터를 센 것입니다. 조회수는 페이지 조회, 방문은 세션, 전환은 등록 한 건입니다. "
        "조회수와 전환은 부분의 합이 전체와 같습니다. 방문은 다릅니다. "
        "두 캠페인이나 이틀에 걸친 세션도 전체에서는 방문 한 번입니다.",
    ),
    "visits_of_parts": ("Visits of the campaigns, added up", "캠페인별 방문의 합"),
    "visits_of_all": ("Visits of the whole", "전체 방문"),
    "attribution": ("Attribution", "귀속"),
    "exclusions": ("Excluded campaigns", "제외된 캠페인"),
    "no_exclusions": ("No campaign of this client is excluded.", "제외된 캠페인이 없습니다."),
    "reason": ("Reason", "사유"),
    "since": ("Since", "부터"),
    "changes": ("What changed it", "변경 이력"),
    "no_changes": ("Nothing has changed it since it was first computed.", "처음 계산된 뒤 바뀌지 않았습니다."),
    "cause": ("Cause", "원인"),
    "time": ("Time", "시각"),
    "computed_at": ("Computed", "계산 시각"),
    "stale_since": ("Out of date since", "갱신 대기 시작"),
    "held_since": ("Held until somebody decides, since", "보류 시작"),
    "kept_since": ("Kept by decision, since", "유지 결정"),
    "hash": ("Hash of the closing", "마감 해시"),
    "one_day": (
        "What changed a number is told of single days: choose one.",
        "변경 이력은 하루 단위로 볼 수 있습니다. 날짜를 고르세요.",
    ),
    "back": ("Back to the overview", "개요로 돌아가기"),
    "downloads": ("Downloads", "내려받기"),
    "statement": ("Statement", "정산서"),
    "rows": ("Rows", "행"),
    "sign_in": ("Sign in", "로그인"),
    "sign_out": ("Sign out", "로그아웃"),
    "token": ("Your token", "토큰"),
    "token_help": (
        "The application you come from has one: paste it here. It is kept in a cookie until it expires.",
        "이용 중인 서비스에서 발급한 토큰을 붙여 넣으세요. 만료될 때까지 쿠키에 보관됩니다.",
    ),
    "refused": ("This cannot be shown", "표시할 수 없습니다"),
    "language": ("한국어", "English"),
    "skip": ("Skip to content", "본문으로 건너뛰기"),
    "no_client": ("You are a member of no client.", "소속된 고객사가 없습니다."),
    "shared": ("Shared link, valid until", "공유 링크, 유효 기한"),
}  # fmt: skip
MISSING = "–"


def words(language: str) -> SimpleNamespace:
    """Every word of a language (en, ko), by its name."""
    place = ("en", "ko").index(language)
    return SimpleNamespace(**{name: pair[place] for name, pair in _WORDS.items()})


def count(value: Any) -> str:
    """A whole number; nothing known is a dash, never 0."""
    return MISSING if value is None else f"{int(value):,}"


def share(value: Any) -> str:
    """A rate as a percentage."""
    return MISSING if value is None else f"{float(value):.1%}"


def instant(value: str | None, zone: ZoneInfo) -> str:
    """An instant (ISO, with offset) in the business zone."""
    return MISSING if value is None else local_time(datetime.fromisoformat(value), zone)
