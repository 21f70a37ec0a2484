"""Sample transcripts: two meetings that never took place, one in English and one in Korean."""

from __future__ import annotations

from pathlib import Path

from pc_worker.domains import Options
from pc_worker.samples.sample import Expected, Sample, write_pickle

#: Each meeting with its utterances: who says what.
MEETINGS: dict[str, tuple[tuple[str, str], ...]] = {
    "Release planning, 2 March": (
        ("Dana", "Good morning, everybody. Today we decide when version 4 of the mobile app is released."),
        ("Omar", "The two open crashes on older tablets are fixed. The last test run was green on all devices."),
        ("Dana", "Then nothing blocks us from my side. Omar, when can the store review start?"),
        ("Omar", "I can submit the build on Thursday. The review takes three working days on average."),
        ("Priya", "Please do not release on a Friday. The support team has only two people at the weekend."),
        ("Dana", "Agreed. We release on Tuesday, the 10th of March, in the morning."),
        ("Priya", "I will write the announcement and send it to the newsletter on the same day."),
        ("Omar", "One more thing about the roll-out: I want to start with five percent of the users."),
        (
            "Dana",
            "Five percent on the first day, then fifty, then everybody if the crash rate stays below 0.2 percent.",
        ),
        ("Priya", "Who looks at the crash rate during the first night?"),
        ("Omar", "I am on call that night. If the rate goes up, I stop the roll-out and call Dana."),
        ("Dana", "Good. The next topic is the budget of the translation into Portuguese."),
        ("Priya", "The agency asks for 4,800 euros for all screens and the help pages."),
        ("Dana", "That is more than we have planned. We have 3,500 euros left in this quarter."),
        ("Priya", "Without the help pages it costs 2,900 euros. Most users never open them."),
        ("Dana", "Then we order the screens only, and decide about the help pages in April."),
        ("Omar", "I need the translated texts one week before the release that contains them."),
        ("Priya", "The agency delivers within ten days, so the texts are here on the 16th of March."),
        ("Dana", "Fine. Portuguese is then part of version 4.1. Is there anything else?"),
        ("Omar", "The login server is moved to the new data centre on Sunday at two in the morning."),
        ("Omar", "It will not answer for about twenty minutes. Users who are signed in do not notice it."),
        ("Priya", "I will put a notice on the status page on Saturday."),
        ("Dana", "Thank you. We meet again next Monday at nine."),
    ),
    "주간 제품 회의 3월 4일": (
        ("김민지", "안녕하세요. 오늘은 검색 개편 일정과 고객 문의 현황을 논의하겠습니다."),
        ("박준호", "검색 색인을 새로 만드는 작업은 지난주에 끝났습니다. 응답 시간이 평균 120밀리초로 줄었습니다."),
        ("김민지", "좋습니다. 실제 서비스에는 언제 적용할 수 있을까요?"),
        ("박준호", "다음 주 수요일 새벽 세 시에 적용하려고 합니다. 작업 시간은 약 사십 분입니다."),
        ("이서연", "그 시간에는 주문이 거의 없으니 괜찮습니다. 고객 안내문은 제가 준비하겠습니다."),
        ("김민지", "문제가 생기면 어떻게 되돌리나요?"),
        ("박준호", "기존 색인을 일주일 동안 보관하기 때문에 오 분 안에 되돌릴 수 있습니다."),
        ("이서연", "고객 문의 현황입니다. 지난주 문의는 모두 312건이고 그중 환불 문의가 가장 많았습니다."),
        ("이서연", "환불 문의의 절반은 배송이 늦어진 주문에서 나왔습니다."),
        ("김민지", "배송이 늦어진 이유는 확인되었나요?"),
        ("이서연", "부산 물류 창고의 분류 기계가 이틀 동안 멈췄습니다. 지금은 수리가 끝났습니다."),
        ("박준호", "같은 일이 다시 생기면 주문 화면에 예상 배송일을 늦춰서 보여 주는 기능을 넣겠습니다."),
        ("김민지", "좋은 생각입니다. 개발에 얼마나 걸릴까요?"),
        ("박준호", "이번 달 말까지 가능합니다. 디자인은 이서연 님이 검토해 주세요."),
        ("이서연", "네, 금요일까지 화면 시안을 보내 드리겠습니다."),
        ("김민지", "다음은 예산입니다. 추천 서버를 두 대 더 늘리는 데 매달 180만 원이 필요합니다."),
        ("박준호", "지금 서버의 사용률이 85퍼센트라서 여름 행사 전에는 꼭 늘려야 합니다."),
        ("김민지", "그러면 오월부터 늘리는 것으로 승인하겠습니다."),
        ("이서연", "신입 상담원 세 명이 다음 주 월요일에 출근합니다. 교육은 제가 맡습니다."),
        ("김민지", "수고 많으셨습니다. 다음 회의는 다음 주 수요일 오전 열 시입니다."),
    ),
}
#: How fast people speak, and how long they pause.
CHARACTERS_A_SECOND = 12
PAUSE_S = 1.5


def write_transcripts(folder: Path) -> Sample:
    """Write the utterances of all meetings, without a key column: meeting, start and speaker identify each."""
    columns: dict[str, list[str | float]] = {name: [] for name in ("meeting", "speaker", "start", "end", "text")}
    for meeting, utterances in MEETINGS.items():
        start = 0.0
        for speaker, text in utterances:
            end = round(start + max(1.0, len(text) / CHARACTERS_A_SECOND), 1)
            row: dict[str, str | float] = {
                "meeting": meeting,
                "speaker": speaker,
                "start": start,
                "end": end,
                "text": text,
            }
            for name, value in row.items():
                columns[name].append(value)
            start = round(end + PAUSE_S, 1)
    path = folder / "transcripts.pkl"
    write_pickle(columns, path)
    rows = len(columns["text"])
    return Sample(path=path, domain="transcript", options=Options(), rows=rows, expected=Expected(rows))
