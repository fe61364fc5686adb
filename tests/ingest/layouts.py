"""Pages as news sites lay them out, in words of our own: what of each is the article, and what stands around it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Layout:
    """A page; `wanted` are the sentences of its article, none where nothing of it may be taken."""

    name: str
    title: str
    lead: str
    body: bytes
    wanted: tuple[str, ...] = ()
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "text/html; charset=utf-8"})


_RAIL = (
    "The two governments agreed on Tuesday to rebuild the rail line along the eastern coast before the next monsoon.",
    "Work on the first ninety kilometres starts in spring, with sleepers cast in a yard outside the old harbour.",
    "A deputy minister told reporters that the money had been set aside and would not depend on the price of oil.",
    "Traders in the port welcomed the plan, though they fear that the ferries will lose their freight to the trains.",
    "Neither side said what becomes of the fishing villages that the new embankment will cut off from the beach.",
    "The opposition asked for the contract to be published, and the ministry promised an answer within a month.",
)
_HINDI = (
    "दोनों देशों ने मंगलवार को पूर्वी तट की रेल लाइन को अगले मानसून से पहले फिर से बनाने पर सहमति जताई।",
    "पहले नब्बे किलोमीटर पर काम वसंत में शुरू होगा और पुराने बंदरगाह के बाहर कंक्रीट के स्लीपर ढाले जाएंगे।",
    "उप मंत्री ने पत्रकारों से कहा कि पैसा अलग रख दिया गया है और वह तेल की कीमत पर निर्भर नहीं करेगा।",
    "बंदरगाह के व्यापारियों ने योजना का स्वागत किया, हालांकि उन्हें डर है कि नौकाओं का माल रेल ले जाएगी।",
)
_RUSSIAN = (
    "Правительства двух стран договорились во вторник восстановить железную дорогу вдоль восточного побережья.",
    "Работы на первых девяноста километрах начнутся весной, шпалы будут отливать на площадке за старым портом.",
    "Заместитель министра сообщил журналистам, что деньги уже выделены и не зависят от цены на нефть.",
    "Торговцы в порту приветствовали план, хотя опасаются, что паромы потеряют свои грузы.",
)
_CHINESE = (
    "两国政府周二商定，在下一个雨季到来之前重修东海岸铁路，并为此成立一个联合办公室。",
    "首段九十公里将于春季动工，轨枕在旧港口外的场地浇筑，材料由沿线的三家工厂供应。",
    "副部长对记者说，资金已经拨出，不取决于石油价格，也不会挤占今年修建公路的预算。",
    "港口商人欢迎这项计划，但担心渡轮会失去货运生意，并要求当局给予五年的补贴。",
)
_TITLE = "Coast railway to be rebuilt before the monsoon"
_LEAD = "The two governments agreed to rebuild the rail line."
_MENU = (
    '<header><nav><ul><li><a href="/">Home</a></li><li><a href="/world">World</a></li><li><a href="/money">Money</a>'
    '</li><li><a href="/sport">Sport</a></li></ul></nav><form><input name="q"><button>Search</button></form></header>'
)
_FOOT = (
    '<footer><p>All rights reserved by the Harbour Press.</p><a href="/terms">Terms</a> <a href="/jobs">Jobs</a>'
    "</footer>"
)
_SIDE = (
    '<aside class="sidebar"><h3>Most read</h3><ol><li><a href="/1">Mayor opens a bridge that leads nowhere</a></li>'
    '<li><a href="/2">Ten soups for a cold evening</a></li><li><a href="/3">Striker leaves</a></li></ol>'
    "<div class='ad'><p>Buy two tyres and get the third for half the price at our garage.</p></div></aside>"
)
_COMMENTS = (
    "I have lived here for forty years and have heard this promise four times already.",
    "Finally somebody does something, my grandfather worked on the old line as a guard.",
)


def _paragraphs(sentences: tuple[str, ...]) -> str:
    return "".join(f"<p>{sentence}</p>" for sentence in sentences)


def _page(inner: str, *, title: str = _TITLE, lang: str = "en", head: str = "") -> bytes:
    return (
        f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><title>{title} | Harbour Press</title>{head}'
        f"</head><body>{inner}</body></html>"
    ).encode()


def _article(sentences: tuple[str, ...], title: str = _TITLE) -> str:
    return f"<main><article><h1>{title}</h1>{_paragraphs(sentences)}</article></main>"


def _foreign(name: str, lang: str, title: str, sentences: tuple[str, ...]) -> Layout:
    return Layout(
        name, title, sentences[0], _page(_MENU + _article(sentences, title) + _FOOT, title=title, lang=lang), sentences
    )


LAYOUTS = (
    Layout(
        "news site with sidebars",
        _TITLE,
        _LEAD,
        _page(
            f'{_MENU}<div class="columns">{_SIDE}<div class="story"><h1>{_TITLE}</h1><p class="byline">By Ann</p>'
            f"{_paragraphs(_RAIL[:3])}<div class='related'><h4>Read also</h4><ul><li><a href='/x'>Why ferries are late"
            f"</a></li></ul></div>{_paragraphs(_RAIL[3:])}</div></div>{_FOOT}"
        ),
        _RAIL,
    ),
    Layout(
        "live page",
        _TITLE,
        _LEAD,
        _page(
            f"{_MENU}<main><h1>{_TITLE}</h1>"
            + "".join(
                f'<article class="update"><time>1{n}:30</time><h3>Update {n}</h3><p>{sentence}</p></article>'
                for n, sentence in enumerate(_RAIL)
            )
            + f"</main>{_SIDE}{_FOOT}"
        ),
        _RAIL,
    ),
    Layout(
        "stub before a paywall",
        _TITLE,
        _LEAD,
        _page(
            f"{_MENU}<main><article><h1>{_TITLE}</h1><p>{_RAIL[0]}</p><div class='wall'><p>Subscribe to go on reading "
            "for nine a month.</p></div></article></main>",
            head='<script type="application/ld+json">{"@type":"NewsArticle","isAccessibleForFree":"False"}</script>',
        ),
    ),
    Layout(
        "AMP",
        _TITLE,
        _LEAD,
        _page(
            f"<amp-sidebar><ul><li>Home</li><li>World</li></ul></amp-sidebar><article><h1>{_TITLE}</h1>"
            f"<amp-img src='a.jpg' width='600' height='400'></amp-img>{_paragraphs(_RAIL[:3])}<amp-ad type='x'>"
            f"<div>Advertisement for shoes that nobody needs.</div></amp-ad>{_paragraphs(_RAIL[3:])}</article>",
            head='<script async src="https://cdn.example/v0.js"></script><style amp-custom>p{margin:0}</style>',
        ),
        _RAIL,
    ),
    _foreign("Hindi", "hi", "मानसून से पहले फिर बनेगी तटीय रेल लाइन", _HINDI),
    _foreign("Russian", "ru", "Железную дорогу восстановят до сезона дождей", _RUSSIAN),
    _foreign("Chinese", "zh", "东海岸铁路将在雨季之前重修", _CHINESE),
    Layout(
        "comments below",
        _TITLE,
        _LEAD,
        _page(
            f'{_MENU}{_article(_RAIL)}<section id="comments" class="comments"><h2>2 comments</h2>'
            + "".join(f'<div class="comment"><p>{words}</p></div>' for words in _COMMENTS)
            + f"</section>{_FOOT}"
        ),
        _RAIL,
    ),
    Layout(
        "cookie banner",
        _TITLE,
        _LEAD,
        _page(
            '<div id="cookie-consent" class="cookie-banner" role="dialog"><h2>We value your privacy</h2><p>We and our '
            "partners store cookies on your device to show you advertising that fits your interests.</p><button>Accept"
            f"</button><button>Settings</button></div>{_MENU}{_article(_RAIL)}{_FOOT}"
        ),
        _RAIL,
    ),
    Layout(
        "list of articles",
        _TITLE,
        _LEAD,
        _page(
            f"{_MENU}<main><h1>World</h1><ul>"
            + "".join(
                f'<li><a href="/{n}">Council of town {n} votes on its budget</a><p>A short word on town {n}.</p></li>'
                for n in range(25)
            )
            + f"</ul></main>{_FOOT}",
            title="World",
        ),
    ),
    Layout(
        "PDF",
        _TITLE,
        _LEAD,
        b"%PDF-1.7\n1 0 obj << /Type /Catalog >> endobj\nstream\n" + bytes(range(256)) * 20 + b"\nendstream",
        headers={"content-type": "application/pdf"},
    ),
    Layout(
        "empty shell",
        _TITLE,
        _LEAD,
        _page(
            '<div id="root"></div><noscript>You need to enable JavaScript to run this app.</noscript>'
            '<script src="/m.js"></script>'
        ),
    ),
)
