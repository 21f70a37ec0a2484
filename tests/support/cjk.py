"""Short notes in Korean, Japanese and Chinese, each with a question in other words and the same question in English."""

from __future__ import annotations

NOTES: tuple[tuple[str, str, str], ...] = (
    (
        "서울 지하철은 새벽 다섯 시 반에 첫차가 출발한다.",
        "수도의 전철은 아침 몇 시부터 다니나요?",
        "When does the first metro run in Seoul?",
    ),
    (
        "김치는 소금에 절인 배추에 고춧가루와 마늘을 넣어 발효시킨다.",
        "매운 양념으로 채소를 삭히는 방법",
        "How is kimchi made?",
    ),
    (
        "이 회사는 결제 서버를 코틀린과 스프링으로 개발한다.",
        "지불 시스템에 쓰는 프로그래밍 언어",
        "Which language is the payment backend written in?",
    ),
    (
        "폭설로 제주 공항의 비행기가 모두 취소되었다.",
        "눈 때문에 항공편이 뜨지 못한 곳",
        "Where were flights cancelled because of snow?",
    ),
    (
        "아기가 열이 나면 미지근한 물수건으로 몸을 닦아 준다.",
        "어린아이 체온이 높을 때 돌보는 법",
        "What helps a baby with a fever?",
    ),
    (
        "그는 마라톤을 세 시간 안에 완주하려고 매일 달린다.",
        "장거리 경주 기록을 줄이기 위한 연습",
        "Who trains for a marathon under three hours?",
    ),
    (
        "은행 금리가 오르자 집을 사려는 사람이 줄었다.",
        "이자 상승이 부동산에 미친 영향",
        "What happened to house buyers as interest rates rose?",
    ),
    ("고양이는 하루에 열여섯 시간까지 잠을 잔다.", "반려동물이 자는 시간은 얼마나 되나", "How long do cats sleep?"),
    (
        "新幹線は東京から大阪まで二時間半で走る。",
        "首都から関西へ速い列車でどのくらいかかるか",
        "How long is the bullet train from Tokyo to Osaka?",
    ),
    ("味噌は大豆と麹と塩を混ぜて数か月寝かせて作る。", "豆を発酵させた調味料の製法", "How is miso made?"),
    (
        "彼女は病院の集中治療室で看護師として働いている。",
        "重い患者の世話をする仕事をしている人",
        "Who works as a nurse in intensive care?",
    ),
    (
        "台風のため沖縄の学校は明日休みになる。",
        "嵐で授業がなくなる地域",
        "Where are schools closed because of the typhoon?",
    ),
    ("図書館では一度に十冊まで二週間借りられる。", "本を何冊まで持ち帰れるか", "How many books can be borrowed?"),
    ("この工場では自動車の電池を組み立てている。", "車の蓄電池を作る場所", "Where are car batteries assembled?"),
    ("桜は三月の終わりに九州から咲き始める。", "春の花見はいつどこから始まるか", "When do the cherry trees bloom?"),
    ("猫舌の人は熱いお茶をすぐには飲めない。", "熱い飲み物が苦手な人", "Who cannot drink hot tea at once?"),
    (
        "北京到上海的高铁每天有四十多趟。",
        "首都去沪的快速列车多不多",
        "How many fast trains run from Beijing to Shanghai?",
    ),
    ("豆腐是用大豆磨浆后加卤水凝固做成的。", "黄豆制成的白色食品怎么生产", "How is tofu made?"),
    ("这位工程师负责搜索引擎的排序算法。", "谁在做检索结果的顺序", "Who works on search ranking?"),
    (
        "春节期间火车票要提前十五天预订。",
        "过年回家的车票什么时候买",
        "When should train tickets for the spring festival be booked?",
    ),
    ("孩子发烧超过三十九度应当去医院。", "小孩体温很高怎么办", "When should a child with fever see a doctor?"),
    ("房租涨了以后，许多年轻人搬到郊区。", "住房变贵使人离开市中心", "Why do young people move to the suburbs?"),
    ("熊猫每天要吃二十公斤竹子。", "国宝动物的食量有多大", "How much does a panda eat?"),
    ("足球队昨晚以二比一赢得了比赛。", "球赛的结果怎么样", "Who won the football match?"),
)
