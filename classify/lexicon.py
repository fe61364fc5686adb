"""Words of cooperation, conflict and change, by group, in four languages: what lets the model read unseen news.

The groups follow what coders of events look for (verbal or material, cooperation or conflict) and what a bag of words
gets wrong: quantities that fall although their objects are friendly (cut imports, halt a deal), pressure from outside,
resistance to it, denials. English lemmas are inflected by rule; other languages list the forms that headlines use.
"""

from __future__ import annotations

_ENGLISH: dict[str, str] = {
    # deeds done together
    "coop": """agree sign ink seal cooperate collaborate co-operate partner join team supply deliver buy
        purchase procure import export sell invest fund finance support back help assist aid donate host
        welcome launch open build construct co-develop co-produce co-manufacture manufacture commission
        induct license share pool link connect unite align ally stand hold exercise drill sail patrol
        coordinate co-ordinate conclude ratify approve grant extend renew prolong offer give pledge commit
        promise vow reaffirm confirm uphold advance promote deepen strengthen cement bolster consolidate
        forge bind enhance intensify implement visa-free twin exchange celebrate inaugurate facilitate
        simplify abolish invite honour honor award accept""",
    # warm words
    "warm": """hail praise laud thank congratulate greet applaud appreciate admire welcome friendship friend
        friendly brotherly brother trust trusted warm warmth warmly cordial fraternal historic comprehensive
        strategic privileged all-weather time-tested traditional mutual mutually win-win good-neighbourly
        neighborly harmony harmonious solidarity embrace hug toast love reliable dependable close closer
        cosy cozy bonhomie unity united best excellent unprecedented robust fruitful success successful
        successfully constructive positive optimistic optimism confident hope special steadfast unwavering
        rock-solid no-limits limitless partnership alliance axis entente together joint jointly common
        shared bilateral consensus accord pact agreement deal treaty memorandum mou cooperation
        collaboration rapprochement""",
    # easing
    "ease": """ease thaw normalise normalize disengage de-escalate defuse reset resume restart reopen
        restore revive mend repair settle resolve reconcile unfreeze lift relax waive soften improve recover
        rebuild stabilise stabilize disengagement normalisation normalization resumption détente detente
        breakthrough reconciliation stabilisation""",
    # open conflict, deeds
    "fight": """clash fight attack kill injure wound die strike shoot fire invade intrude transgress
        incursion occupy encroach annex seize capture detain arrest expel deport raid bomb war sanction ban
        bar block blacklist boycott blockade embargo veto deny revoke confiscate freeze penalise penalize
        fine retaliate escalate deploy mobilise mobilize mass standoff stand-off face-off faceoff skirmish
        confrontation conflict hostilities aggression aggressive hostile enemy enmity adversary spy spying
        espionage hack hacker theft steal sabotage coerce coercion intimidate harass provoke provocation ram
        violate violation summon demarche downgrade sever crackdown scuffle brawl trap stuck dupe traffic""",
    # hard words
    "scold": """accuse slam blast condemn criticise criticize denounce rebuke chide lambast rap blame scold
        lash decry deplore protest object oppose reject rebuff refuse dismiss refute dispute contest
        complain chastise censure berate warn caution threaten mock ridicule taunt fume anger angry irk
        outrage fury furious displeasure upset resent disagree differ outcry row feud spat quarrel argue
        rift criticism objection opposition insult offend""",
    # mistrust and rivalry
    "wary": """wary suspicious suspicion distrust mistrust fear worry concern concerned anxious anxiety
        unease uneasy alarm alarmed nervous sceptical skeptical skepticism doubt rival rivalry compete
        competition competitor tension tense strain strained fraught threat threaten menace danger dangerous
        challenge counter counterbalance contain containment hedge balance check deter deterrence encircle
        encirclement rivalries friction frictions irritant sore bitter bitterness dilemma headache trouble
        troubled fault-line fault rupture fissure crack cracks divide wedge decouple de-risk derisk
        diversify alternative outpace overtake outbid undercut spoiler assertive expansionism expansionist
        bully bullying debt-trap eye-to-eye""",
    # limits of closeness
    "limit": """limit limits limited junior unequal asymmetric asymmetry asymmetrical lopsided dependent
        dependence dependency vassal convenience uncomfortable awkward reluctant reluctance cautious
        cautiously caution lukewarm ambivalent distance distancing drift apart cool cooling cold chill
        chilly fragile uncertain shaky myth illusion overrated subordinate transactional disappoint
        disappointed frustrate frustrated frustration snub skip ditch spurn shun sideline abandon""",
    # quantities and flows that fall or stop
    "down": """cut curb halt suspend stop pause cease end slash reduce shrink fall drop decline decrease dip
        slump plunge plummet slide sink tumble lower slow slowdown lose loss dwindle dry cancel scrap shelve
        delay postpone stall freeze withdraw withhold quit exit leave pull retreat abandon divert trim pare
        scale wind phase dump wean unpaid stuck bar fail failure collapse break terminate evaporate miss
        snag hurdle setback bottleneck deficit shortfall deadlock impasse stalemate inconclusive imbalance
        dumping anti-dumping""",
    # quantities and flows that rise
    "up": """rise increase grow jump surge soar climb double triple quadruple expand boost record ramp gain
        swell accelerate skyrocket leap peak top exceed surpass growth high highest largest biggest maximum
        multi-fold flourish thrive boom rebound more""",
    # contact without direction
    "meet": """meet meeting visit visitor talk call phone conversation discuss discussion consult
        consultation arrive travel attend receive summit session dialogue hold convene speak telephone
        confer trip tour delegation itinerary interview briefing statement remark comment speech address
        schedule plan expect await prepare upcoming ahead agenda bilateral sidelines""",
    # pressure from outside
    "press": """pressure urge demand press push warn threaten tariff sanction penalty penalise penalize
        coerce force ask call insist ultimatum target punish lobby arm-twist persuade convince woo court
        lure peel pry bully lecture isolate""",
    # holding against it
    "hold": """defy defiance defiant resist withstand shrug undeterred despite ignore continue maintain keep
        remain persist uphold sovereign sovereignty independent independence autonomy autonomous refuse
        unfazed unmoved undaunted defend justify stick unaffected unilateral unacceptable unjustified
        resilient resilience steady regardless amid circumvent bypass evade withstand""",
    "hedge": """may might could would should if unlikely likely possible possibly potential potentially
        perhaps expected expect consider mull plan propose seek want hope eye aim ready willing set
        reportedly allegedly rumour rumor whether""",
    "negate": """not no never without neither nor deny denies denied denying hardly cannot can't won't isn't
        aren't doesn't don't didn't wasn't weren't wouldn't shouldn't fails failed rejects rejected
        dismisses dismissed refutes refuted baseless unfounded false fake rules ruled unlikely stop""",
    # what somebody says is so
    "claim": """claim allege allegation report assert assertion suggest suggestion narrative speculation
        media say rumour rumor""",
    # words that undo what follows in the sentence, further than "not" does
    "denial": """deny denial dismiss reject refute rebut debunk disprove quash""",
    # what relations are about
    "thing": """oil crude gas lng coal energy trade export import arms weapon weapons missile missiles jet
        jets fighter helicopter submarine warship defence defense visa flight flights tourism tourist
        payment payments currency investment project projects pipeline supply supplies corridor technology
        nuclear reactor grain fertiliser fertilizer soldier soldiers troops troop border tie ties relation
        relations relationship bond partnership contract contracts order purchase shipment cargo cargoes
        tanker tankers refiner refiners refinery delivery deliveries sales dam river map app apps stapled""",
    # what is no politics
    "sport": """cricket odi t20 wicket medal olympics olympic paralympic chess grandmaster football hockey
        tennis badminton championship tournament match quiz recipe covid coronavirus virus weather cyclone
        flood earthquake quake film movie actor actress box-office stocks sensex nifty shares index ipo
        newsletter podcast moon spacecraft emissions climate pollution carbon iphone celebrity fashion
        murder rape robbery crash lottery zoo panda pandas festival circus concert""",
}

_OTHER: dict[str, str] = {
    "coop": """подписали подписал подписание договорились согласовали сотрудничество сотрудничества
        сотрудничеству поставки поставил совместные совместное совместных поддержал поддержала поддержку
        укрепят укрепление развивать расширят расширение открыли запустили समझौता समझौते समझौतों हस्ताक्षर
        सहयोग साझेदारी संयुक्त समर्थन मदद आपूर्ति खरीदेगा खरीद मजबूत 合作 签署 协议 联合 支持 深化 加强 扩大 共同 互利 推动""",
    "warm": """дружба дружбы дружественные партнерство партнёрство доверие благодарность приветствовал союз
        стратегическое दोस्ती मित्र मित्रता भरोसा सराहना तारीफ विश्वास स्वागत 友好 友谊 伙伴 信任 赞赏 欢迎 共识 互信""",
    "ease": """нормализация возобновили возобновит возобновление восстановление восстановили разрядка отвод
        потепление बहाल सामान्य फिर शुरू पीछे हटे 恢复 缓和 改善 重启 脱离""",
    "fight": """столкновение столкновения столкновений запретил запрет запретила санкции атака убиты погибли
        вторжение арест шпионаж блокирует झड़प संघर्ष हमला प्रतिबंध घुसपैठ तनातनी गतिरोध रोक 冲突 对峙 制裁 禁止 封锁
        入侵 袭击 间谍""",
    "scold": """обвинил обвинила обвинили раскритиковал осудил протест отвергла отверг возмущение упрекнул
        предупредил आरोप निंदा आलोचना विरोध खारिज नाराज चेतावनी 指责 谴责 抗议 反对 批评 警告 不满""",
    "wary": """опасения опасаются недоверие угроза соперничество конкуренция напряженность напряжённость
        тревога разногласия चिंता खतरा तनाव प्रतिद्वंद्वी अविश्वास 担忧 威胁 竞争 紧张 警惕 猜疑 分歧""",
    "down": """сократила сократили сократил сокращение снизил снизилась снизились приостановил приостановили
        отменил отменили отложили прекратил прекратили упал упали падение срыв कटौती घटा घटी गिरावट रद्द टला
        स्थगित बंद कमी 减少 下降 暂停 取消 推迟 停止 中断 下跌""",
    "up": """вырос выросли выросла рост рекорд рекордный увеличил увеличили увеличение बढ़ा बढ़ी बढ़ोतरी
        वृद्धि रिकॉर्ड 增长 上升 创纪录 增加 新高""",
    "meet": """встреча встретился встретились визит переговоры посетит посетил обсудили беседа саммит
        मुलाकात यात्रा बातचीत बैठक वार्ता दौरा 会见 会谈 访问 通话 会晤 举行""",
    "press": """давление требует потребовал призвал пошлины दबाव टैरिफ शुल्क मांग 施压 关税 要求 敦促""",
    "hold": """несмотря продолжит продолжат суверенитет вопреки независимость बावजूद जारी संप्रभु 坚持 继续 主权
        不顾""",
    "negate": """не нет опроверг опровергла नहीं न इनकार 不 没有 否认 并非""",
    "hedge": """может возможно возможна संभव शायद 可能 或将""",
    "thing": """нефть нефти газ торговля торговли товарооборот оружие граница границы отношения отношений
        तेल व्यापार हथियार सीमा संबंध रिश्ते 石油 贸易 武器 边境 关系 天然气""",
    "sport": """матч футбол хоккей олимпиада крикет मैच क्रिकेट फिल्म 比赛 足球 电影""",
}

_IRREGULAR: dict[str, str] = {
    "buy": "bought",
    "sell": "sold",
    "build": "built",
    "stand": "stood",
    "hold": "held",
    "give": "gave given",
    "fight": "fought",
    "shoot": "shot",
    "freeze": "froze frozen",
    "steal": "stole stolen",
    "fall": "fell fallen",
    "shrink": "shrank shrunk",
    "sink": "sank sunk",
    "lose": "lost",
    "withdraw": "withdrew withdrawn",
    "withhold": "withheld",
    "leave": "left",
    "rise": "rose risen",
    "grow": "grew grown",
    "meet": "met",
    "speak": "spoke spoken",
    "keep": "kept",
    "break": "broke broken",
    "bind": "bound",
    "forge": "forging",
    "uphold": "upheld",
    "withstand": "withstood",
    "overtake": "overtook overtaken",
    "undercut": "undercutting",
    "wind": "wound",
    "swell": "swollen",
    "stick": "stuck",
    "seek": "sought",
    "spy": "spies",
    "undergo": "underwent",
}

_VOWELS = frozenset("aeiou")


def _inflect(lemma: str) -> set[str]:
    """The regular forms of an English verb or noun, wrong ones included: they match nothing.

    >>> sorted(_inflect("ban"))
    ['ban', 'banned', 'banning', 'bans']
    """
    forms = {lemma, *_IRREGULAR.get(lemma, "").split()}
    if not lemma.isascii() or len(lemma) < 3:
        return forms
    if lemma.endswith("e"):
        return forms | {lemma + "s", lemma + "d", lemma[:-1] + "ing"}
    if lemma.endswith("y") and lemma[-2] not in _VOWELS:
        return forms | {lemma[:-1] + "ies", lemma[:-1] + "ied", lemma + "ing"}
    if lemma.endswith(("s", "sh", "ch", "x", "z")):
        return forms | {lemma + "es", lemma + "ed", lemma + "ing"}
    closed = lemma[-1] not in _VOWELS | {"w", "x", "y"} and lemma[-2] in _VOWELS and lemma[-3] not in _VOWELS
    doubled = closed and len(lemma) <= 5
    stem = lemma + lemma[-1] if doubled else lemma
    return forms | {lemma + "s", stem + "ed", stem + "ing"}


def _table() -> dict[str, tuple[str, ...]]:
    table: dict[str, list[str]] = {}
    for group, words in _ENGLISH.items():
        for lemma in words.split():
            for form in sorted(_inflect(lemma)):
                table.setdefault(form, []).append(group)
    for group, words in _OTHER.items():
        for form in words.split():
            table.setdefault(form, []).append(group)
    return {word: tuple(dict.fromkeys(groups)) for word, groups in table.items()}


GROUPS: tuple[str, ...] = tuple(_ENGLISH)
"""The groups, in the order in which features list them."""

WORDS: dict[str, tuple[str, ...]] = _table()
"""The groups of each word form, in lower case; most words are in one."""
