"""From what a feed wrote to what is stored: plain text, and keys by which an article or a title is known again."""

from __future__ import annotations

import hashlib
import html
import re
import unicodedata
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes, urlsplit

import idna
import nh3

TITLE_LIMIT = 500
TEXT_LIMIT = 4_000
URL_LIMIT = 2_048

_TAG = re.compile(r"</?[A-Za-z][^<>]*>|<!--|<!\[CDATA\[|<\?")
_ENTITY = re.compile(r"&(?:[A-Za-z][A-Za-z0-9]{1,31}|#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6});")
# nh3 drops tags without a trace, which would join the words on both sides: `one<br>two` must not become `onetwo`.
_BLOCK = re.compile(
    r"<(?=/?(?:address|article|aside|blockquote|br|dd|div|dl|dt|figcaption|figure|footer|h[1-6]|header|hr|iframe|img|li"
    r"|main|nav|ol|option|p|pre|section|svg|table|tbody|td|tfoot|th|thead|tr|ul|video)\b)",
    re.IGNORECASE,
)
# Controls (with NUL, which PostgreSQL refuses), lone surrogates, soft hyphens, zero-width spaces, byte order marks,
# non-characters, and the direction overrides that make a headline read otherwise than it is. The joiners U+200C and
# U+200D stay: Hindi spells with them.
_JUNK = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufffe\uffff"
    "\ud800-\udfff]"
)


def plain_text(raw: str, limit: int = TEXT_LIMIT) -> str:
    """*raw*, which may be HTML, as one line of plain text of at most *limit* characters.

    >>> plain_text("<p>Modi &amp; Putin</p><p>meet</p>")
    'Modi & Putin meet'
    """
    # Markup rarely takes more than nine tenths; the cut keeps a title of 5 MB from costing seconds.
    text = raw[: limit * 10 + 1_000]
    if "<" in text and _TAG.search(text):
        text = nh3.clean(_BLOCK.sub(" <", text), tags=set())
    if "&" in text and _ENTITY.search(text):
        text = html.unescape(text)
    if not text.isprintable():  # all of the junk is not, and most texts are
        text = _JUNK.sub("", text)
    text = " ".join(text.split())
    if len(text) <= limit:
        return text
    cut = text[: limit - 1].rsplit(" ", 1)[0] if " " in text[limit // 2 : limit] else text[: limit - 1]
    return cut.rstrip() + "…"


# Parameters that tell where a reader came from and never which page is meant. A deny-list, not an allow-list: libraries
# that drop all but known parameters merge every release of PIB (?PRID=1234) into one.
_TRACKING = frozenset(
    """
    __hsfp __hssc __hstc __s __source __twitter_impression _branch_match_id _ga _gl _hsenc _hsmi _openstat
    at_campaign at_custom1 at_custom2 at_custom3 at_custom4 at_format at_link_id at_link_origin at_link_type at_medium
    at_ptr_name at_bbc_team cmp cmpid dclid emc fb_action_ids fb_action_types fb_ref fb_source fbclid fromrss
    ga_campaign ga_content ga_medium ga_source ga_term gbraid gclid gclsrc hsa_acc hsa_ad hsa_cam hsa_grp hsa_kw hsa_la
    hsa_mt hsa_net hsa_ol hsa_src hsa_tgt hsa_ver hsctatracking icid igshid igsh itm_campaign itm_content itm_medium
    itm_source maca mc_cid mc_eid mkt_tok ml_subscriber ml_subscriber_hash msclkid ncid ns_campaign ns_fee ns_linkname
    ns_mchannel ns_source oly_anon_id oly_enc_id pfrom rb_clickid s_cid smid spm srsltid stm_campaign stm_content
    stm_medium stm_source stm_term traffic_source ttclid twclid vero_conv vero_id wbraid wickedid wt_mc wt_zmc xtor
    yclid ymclid ysclid
    """.split()  # noqa: SIM905 (a list of so many strings is harder to read)
).union(
    # What Matomo reads, under each name that it had; other names that begin so (pk_id is a primary key) are a page's.
    f"{maker}_{what}"
    for maker in ("mtm", "pk", "matomo", "piwik")
    for what in ("campaign", "cid", "content", "cpn", "group", "keyword", "kwd", "medium", "placement", "source")
)
_TRACKING_PREFIXES = ("utm_",)
_TRACKING_PAIRS = frozenset(
    {"partner=rss", "ref=rss", "from=rss", "source=rss", "src=rss", "output=amp", "outputtype=amp"}
)

_WITH_LITE = "indianexpress.com"
"""Has a light copy of each page under its address and /lite/."""
_DEFAULT_PORTS = (80, 443)
"""Under either scheme: the key says https whatever was written, and a key's own key must be the same."""
# A fragment that names the page on sites that route by script: #!/story/1, #/news/12, #news/12. Any other names a place
# within the page, or where the reader came from (#xtor=RSS-1/2). A gallery's #photo/3 is kept with them: an item too
# many is found again by its title, and one that was merged away is lost.
_ROUTE = re.compile(r"!.*|/.+|[\w.~%-]+(?:/[\w.~%-]+)+/?", re.ASCII)
_UNRESERVED = "-._~"
_KEEP_IN_PATH = "!$&'()*+,;=:@/" + _UNRESERVED
_KEEP_IN_QUERY = _KEEP_IN_PATH + "?[]{}|\\^`"


# Nearly every address is written so plainly that nothing in it can be mended or refused.
_PLAIN = re.compile(r"https?://((?:[a-z0-9-]+\.)*[a-z0-9-]+)((?:/[!-~]*)?)")
_PLAIN_PATH = re.compile(r"(?:[\w!$&'()*+,;=:@.~-]|/(?!\.))+", re.ASCII)


def web_address(url: str) -> str | None:
    """*url* without stray white space and controls, if it is an http or https address of tolerable length."""
    return url if len(url) <= URL_LIMIT and _PLAIN.fullmatch(url) else _web_address(url)


def _web_address(url: str) -> str | None:
    text = (url if url.isprintable() else _JUNK.sub("", url)).strip()
    # URLs are broken over lines in some feeds; the WHATWG parser drops tabs and newlines too.
    text = text.replace("\n", "").replace("\r", "").replace("\t", "").replace(" ", "%20")
    if len(text) > URL_LIMIT or not text[:8].lower().startswith(("http://", "https://")):
        return None
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return None
    return text if parts.hostname else None


def canonical_url(url: str) -> str | None:
    """The one spelling of *url* by which an article is known; None when it is no web address.

    Scheme, `www.` and `amp.` hosts, ports 80 and 443, letter case of the host, tracking parameters, parameter order,
    needless percent-encoding and a fragment that is no route do not tell pages apart and are dropped; everything else
    is kept. The key of a key is that key.

    >>> canonical_url("http://www.example.in/a?utm_source=rss&PRID=12#top")
    'https://example.in/a?PRID=12'
    """
    if len(url) <= URL_LIMIT and (plain := _PLAIN.fullmatch(url)) and _PLAIN_PATH.fullmatch(plain[2]):
        host = _host(plain[1])
        if not host.endswith(_WITH_LITE):
            return f"https://{host}{plain[2]}"
    text = web_address(url)
    if text is None:
        return None
    parts = urlsplit(text)
    host = _host(parts.hostname or "")
    port = parts.port
    if port is not None and port not in _DEFAULT_PORTS:
        host = f"{host}:{port}"
    query = _query(parts.query)
    fragment = _escape(parts.fragment, _KEEP_IN_QUERY)
    kept = "#" + fragment if _ROUTE.fullmatch(fragment) else ""
    return f"https://{host}{_path(parts.path, host)}{'?' + query if query else ''}{kept}"


@lru_cache(maxsize=4_096)
def _host(host: str) -> str:
    name = host.rstrip(".").lower()
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except idna.IDNAError:
            name = quote(name).lower()
        name = name.rstrip(".")  # of dots there are more than one
    while name.startswith(("www.", "amp.")) and "." in name[4:]:
        name = name[4:]
    return f"[{name}]" if ":" in name else name


def _path(path: str, host: str) -> str:
    path = _escape(path or "/", _KEEP_IN_PATH)
    if "/." in path:  # looked for after the escaping, for %2E is a dot
        kept: list[str] = []
        pieces = path.split("/")[1:]
        for piece in pieces:
            if piece == "..":
                del kept[-1:]
            elif piece != ".":
                kept.append(piece)
        if pieces[-1] in (".", ".."):
            kept.append("")
        path = "/" + "/".join(kept)
    if host.endswith(_WITH_LITE):
        while path.endswith("/lite/"):
            path = path[: -len("lite/")]
    return path


def _query(query: str) -> str:
    # Split by hand: a query need not be name=value (MEA writes ?dtl/38000/Joint), and what is kept stays as it stands.
    pieces = [_escape(piece, _KEEP_IN_QUERY) for piece in query.split("&") if piece]
    return "&".join(sorted(piece for piece in pieces if not _is_tracking(piece)))


_WITHIN = re.compile(r"[;?]")


def _is_tracking(piece: str) -> bool:
    """Whether all of *piece* tells where a reader came from: a `;` or a second `?` may bring a parameter that does not.

    >>> _is_tracking("utm_source=rss?utm_medium=feed"), _is_tracking("utm_source=rss;PRID=1")
    (True, False)
    """
    first, *others = _WITHIN.split(piece.lower())
    return _tells_origin(first) and all(not other or _tells_origin(other) for other in others)


def _tells_origin(part: str) -> bool:
    if part in _TRACKING_PAIRS:
        return True
    name, _, value = part.partition("=")
    # An equals sign at the end pads what was packed (base64); one within begins another value.
    return "=" not in value.rstrip("=") and (name in _TRACKING or name.startswith(_TRACKING_PREFIXES))


_PERCENT = re.compile(r"%([0-9A-Fa-f]{2})")


def _escape(text: str, keep: str) -> str:
    """One spelling of percent-encoding: unreserved characters plain, the others as upper-case hex (RFC 3986 6.2.2)."""

    def unify(found: re.Match[str]) -> str:
        octet = unquote_to_bytes(found.group())
        plain = octet.decode("latin-1")
        return plain if plain.isascii() and (plain.isalnum() or plain in _UNRESERVED) else "%" + found.group(1).upper()

    if text.isascii() and "%" not in text and not re.search(r"[^\w!$&'()*+,;=:@/?.~-]", text):
        return text
    # Unified first, so that quote() meets only real percent signs; a stray one is encoded and then stays as it is.
    return quote(_STRAY.sub("%25", _PERCENT.sub(unify, text)), safe=keep + "%")


_STRAY = re.compile(r"%(?![0-9A-Fa-f]{2})")


def url_key(canonical: str) -> str:
    """The hash under which a canonical address, or another name of an item, is stored: 128 bits in hex."""
    return hashlib.blake2b(canonical.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


class _Letters(dict[int, str]):
    """Maps letters, marks and digits to themselves and everything else to a space, remembering each answer."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        kept = char if unicodedata.category(char)[0] in "LMN" else "" if char in "'’‘ʼ\u200c\u200d" else " "
        self[code] = kept
        return kept


_LETTERS = _Letters()


def title_key(title: str) -> str:
    """The words of a title in plain form: no case, no punctuation, compatibility forms unified.

    Marks stay with their letters (Hindi vowels are marks), apostrophes vanish within words.

    >>> title_key("India’s  S-400 “deal”: Modi, Putin")
    'indias s 400 deal modi putin'
    """
    return " ".join(unicodedata.normalize("NFKC", title).casefold().translate(_LETTERS).split())
