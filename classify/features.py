"""What the linear model looks at: one vector for a pair of actors in a document, one for the document as a whole.

A pair is read whichever pair it is. Its two sides become the roles ``S1`` and ``S2`` in order of appearance, the other
principals ``TH``, everyone else ``OT``; so the dyads share their evidence, and renaming the actors of a text
consistently changes nothing. Against bags of words stand directed frames (who does it to whom, inside the pair or
outside), negation, and scopes (title, clause with both sides, words between them).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import log1p

from classify.actors import HINTS, IMPLIES, NAMES, Kind
from classify.lexicon import GROUPS, WORDS
from classify.text import Document, Token

METHOD = 1
"""Raise it with every change of what features mean: it is part of the model's version, and weights trained under
another number are refused. A test pins a digest of the features so that this is not forgotten."""

POLAR = ("coop", "warm", "ease", "fight", "scold", "wary", "limit", "down", "up", "press", "hold")
"""The groups of words that speak for or against a tie; only these are negated and put into frames."""
_FRAMES = ("SS", "S-", "ST", "TS", "TT", "--")
_SCOPES = ("all", "title", "pair", "near")
_NEGATED_SCOPES = ("all", "pair")
_NEGATION_REACH = 3
_DENIAL_REACH = 9  # "rejects Trump's claim that it agreed to stop"
_LEFT_REACH, _RIGHT_REACH = 8, 6
_AFTER = 6  # words after the nearest pair that still belong to it: "India and Russia sign …"
_LISTED = 4  # so many actors in one clause are a list, not a tie
_SIDES = frozenset(("S1", "S2", "PAIR", "TRI"))
_KEPT_MARKS = frozenset(("%", "?", ","))
_JOINING = frozenset(("and", "&", "и", "和", "与", "और"))

_STRUCTURE = (
    "mentions_more", "mentions_less", "third", "third_present", "others", "other_kinds", "metonym", "triangle",
    "both_in_title", "one_in_title", "third_in_title", "other_in_title", "same_sentence", "same_clause", "adjacent",
    "distance", "joined_and", "joined_comma", "listed", "implied_only_less", "hinted_only", "question", "quoted",
    "length", "title_only", "no_other", "all_principals",
)  # fmt: skip

DENSE: tuple[str, ...] = (
    *(f"is:{name}" for name in _STRUCTURE),
    *(f"{scope}:{group}" for scope in _SCOPES for group in GROUPS),
    *(f"not:{scope}:{group}" for scope in _NEGATED_SCOPES for group in POLAR),
    *(f"frame:{group}:{frame}" for group in POLAR for frame in _FRAMES),
)
"""Names of the dense features, in order."""

_INDEX = {name: index for index, name in enumerate(DENSE)}


@dataclass(frozen=True, slots=True)
class PairFeatures:
    """The words and character n-grams (feature names, each once) and the dense values of a pair in a document."""

    words: tuple[str, ...]
    grams: tuple[str, ...]
    dense: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ItemFeatures:
    """The words and character n-grams (feature names, each once) of a document."""

    words: tuple[str, ...]
    grams: tuple[str, ...]


@dataclass(slots=True)
class _Seen:
    """A token in the light of a pair."""

    token: Token
    role: str
    groups: tuple[str, ...]
    negated: bool = False


def item_features(document: Document) -> ItemFeatures:
    """The document as a whole: its words with their names kept, for themes."""
    names: dict[str, None] = {}
    grams: dict[str, None] = {}
    previous = ""
    for token in document.tokens:
        if not token.word[0].isalnum() and token.word != "%":
            previous = ""
            continue
        names[f"w:{token.word}"] = None
        if document.in_title(token):
            names[f"t:{token.word}"] = None
        if previous:
            names[f"b:{previous} {token.word}"] = None
        previous = token.word
        if token.hit is None:
            grams.update(_grams(token.word))
        else:
            for actor, strength in token.hit.actors:
                if strength >= IMPLIES:
                    names[f"a:{actor}"] = None
            for dyad in token.hit.dyads:
                names[f"d:{dyad}"] = None
        for group in WORDS.get(token.word, ()):
            names[f"g:{group}"] = None
    return ItemFeatures(tuple(names), tuple(grams))


def pair_features(document: Document, sides: tuple[str, str], principals: frozenset[str]) -> PairFeatures:
    """What is said about the tie between *sides* in *document*."""
    seen = _roles(document, sides, principals)
    _mark_negation(seen)
    dense = [0.0] * len(DENSE)
    near = _nearest(seen)
    _structure(document, seen, sides, near, dense)
    _scopes(document, seen, near, dense)
    _frames(seen, dense)
    grams: dict[str, None] = {}
    for one in seen:
        if not one.role and (one.token.word[0].isalnum() or one.token.word in _KEPT_MARKS):
            grams.update(_grams(one.token.word))
    return PairFeatures(tuple(_words(document, seen)), tuple(grams), tuple(dense))


def _roles(document: Document, sides: tuple[str, str], principals: frozenset[str]) -> list[_Seen]:
    order: list[str] = []
    seen: list[_Seen] = []
    for token in document.tokens:
        role = ""
        if token.hit is not None and token.hit.kind is not Kind.TRAP:
            named = {actor for actor, strength in token.hit.actors if strength >= IMPLIES}
            mine = [side for side in sides if side in named]
            if len(mine) == len(sides):
                role = "TRI" if len(named) > len(sides) else "PAIR"
            elif mine:
                if mine[0] not in order:
                    order.append(mine[0])
                role = "PX" if len(named) > 1 else f"S{order.index(mine[0]) + 1}"
            elif named:
                role = "TH" if named & principals else "OT"
        seen.append(_Seen(token, role, () if role else WORDS.get(token.word, ())))
    return seen


def _mark_negation(seen: Sequence[_Seen]) -> None:
    for index, one in enumerate(seen):
        if not one.groups:
            continue
        for at in range(max(0, index - _DENIAL_REACH), index):
            before = seen[at]
            if before.token.sentence != one.token.sentence:
                continue
            near = index - at <= _NEGATION_REACH and before.token.clause == one.token.clause
            if ("negate" in before.groups and near) or "denial" in before.groups:
                one.negated = True
                break


def _nearest(seen: Sequence[_Seen]) -> tuple[int, int] | None:
    """Positions of the nearest mentions of both sides; the same position twice for a metonym."""
    best: tuple[int, int] | None = None
    last: dict[str, int] = {}
    for index, one in enumerate(seen):
        if one.role in ("PAIR", "TRI"):
            return index, index
        if one.role in ("S1", "S2"):
            other = last.get("S2" if one.role == "S1" else "S1")
            if other is not None and (best is None or index - other < best[1] - best[0]):
                best = other, index
            last[one.role] = index
    return best


def _structure(
    document: Document, seen: Sequence[_Seen], sides: tuple[str, str], near: tuple[int, int] | None, dense: list[float]
) -> None:
    where = _where(document, seen)
    values = {
        **_who(where),
        **_nearness(seen, near),
        **_form(document, seen),
        "both_in_title": _both(where.title),
        "one_in_title": bool(where.title & {"S1", "S2"}) and not _both(where.title),
        "third_in_title": bool(where.title & {"TH", "PX"}),
        "other_in_title": "OT" in where.title,
        "same_sentence": any(map(_both, where.sentences.values())),
        "same_clause": any(map(_both, where.clauses.values())),
        "listed": any(len(actors) >= _LISTED for actors in where.listed.values()),
    }
    weaker = min(document.strengths.get(side, 0.0) for side in sides)
    values["implied_only_less"] = HINTS < weaker < NAMES
    values["hinted_only"] = weaker <= HINTS
    for name, value in values.items():
        dense[_INDEX[f"is:{name}"]] = float(value)


@dataclass(slots=True)
class _Where:
    """Which roles stand in the title, in each clause and in each sentence, and how often in all."""

    count: Counter[str]
    title: set[str]
    clauses: dict[int, set[str]]
    sentences: dict[int, set[str]]
    listed: dict[int, set[str]]
    others: set[str]


def _where(document: Document, seen: Sequence[_Seen]) -> _Where:
    where = _Where(Counter(), set(), {}, {}, {}, set())
    for one in seen:
        if not one.role or one.token.hit is None:
            continue
        token, actors = one.token, {actor for actor, _ in one.token.hit.actors}
        where.count[one.role] += 1
        if document.in_title(token):
            where.title.add(one.role)
        if one.role == "OT":
            where.others |= actors
        where.clauses.setdefault(token.clause, set()).add(one.role)
        where.sentences.setdefault(token.sentence, set()).add(one.role)
        where.listed.setdefault(token.sentence, set()).update(actors)
    return where


def _who(where: _Where) -> dict[str, float]:
    count = where.count
    whole = count["PAIR"] + count["TRI"]
    third = count["TH"] + count["PX"]
    more, less = sorted((count["S1"] + whole, count["S2"] + whole), reverse=True)
    return {
        "mentions_more": log1p(more),
        "mentions_less": log1p(less),
        "third": log1p(third),
        "third_present": third > 0,
        "others": log1p(count["OT"]),
        "other_kinds": log1p(len(where.others)),
        "no_other": not where.others,
        "metonym": count["PAIR"] > 0,
        "triangle": count["TRI"] > 0,
        "all_principals": whole + count["S2"] > 0 and third + count["TRI"] > 0,
    }


def _nearness(seen: Sequence[_Seen], near: tuple[int, int] | None) -> dict[str, float]:
    if near is None:
        return {"distance": 2.0}
    between = [one.token.word for one in seen[near[0] + 1 : near[1]]]
    return {
        "adjacent": len(between) <= 1,
        "distance": min(len(between), 20) / 10,
        "joined_and": len(between) == 1 and between[0] in _JOINING,
        "joined_comma": between == [","],
    }


def _form(document: Document, seen: Sequence[_Seen]) -> dict[str, float]:
    title = [one.token.word for one in seen if document.in_title(one.token)]
    return {
        "question": "?" in title,
        "quoted": any(mark in title for mark in ('"', "“", "”")),
        "length": min(len(seen), 120) / 60,
        "title_only": len(title) == len(seen),
    }


def _both(roles: set[str]) -> bool:
    return "PAIR" in roles or "TRI" in roles or ("S1" in roles and "S2" in roles)


def _scopes(document: Document, seen: Sequence[_Seen], near: tuple[int, int] | None, dense: list[float]) -> None:
    by_clause: dict[int, set[str]] = {}
    by_sentence: dict[int, set[str]] = {}
    for one in seen:
        if one.role:
            by_clause.setdefault(one.token.clause, set()).add(one.role)
            by_sentence.setdefault(one.token.sentence, set()).add(one.role)
    clauses = {clause for clause, roles in by_clause.items() if _both(roles)}
    sentences = {sentence for sentence, roles in by_sentence.items() if _both(roles)}
    counts: dict[str, int] = {}
    for index, one in enumerate(seen):
        if not one.groups:
            continue
        inside = one.token.clause in clauses if clauses else one.token.sentence in sentences if sentences else True
        scopes = ["all"]
        if document.in_title(one.token):
            scopes.append("title")
        if inside:
            scopes.append("pair")
        if near and near[0] < index <= near[1] + _AFTER and one.token.sentence == seen[near[1]].token.sentence:
            scopes.append("near")
        for group in one.groups:
            for scope in scopes:
                if one.negated and scope in _NEGATED_SCOPES and group in POLAR:
                    key = f"not:{scope}:{group}"
                else:
                    key = f"{scope}:{group}"
                counts[key] = counts.get(key, 0) + 1
    for key, count in counts.items():
        dense[_INDEX[key]] = log1p(count)


def _frames(seen: Sequence[_Seen], dense: list[float]) -> None:
    """Who does it to whom: the nearest actor before and after each polar word of a sentence, in or outside the pair."""
    counts: dict[str, int] = {}
    for index, one in enumerate(seen):
        if not one.groups or one.negated:
            continue
        frame = ""
        for group in one.groups:
            if group in POLAR:
                frame = frame or _frame(seen, index)
                key = f"frame:{group}:{frame}"
                counts[key] = counts.get(key, 0) + 1
    for key, count in counts.items():
        dense[_INDEX[key]] = log1p(count)


def _frame(seen: Sequence[_Seen], index: int) -> str:
    sentence = seen[index].token.sentence
    left = _role_of(reversed(seen[max(0, index - _LEFT_REACH) : index]), sentence)
    right = _role_of(iter(seen[index + 1 : index + 1 + _RIGHT_REACH]), sentence)
    if left and right:
        return left + right
    if left or right:
        return "S-" if (left or right) == "S" else "TT"
    return "--"


def _role_of(some: Iterator[_Seen], sentence: int) -> str:
    for one in some:
        if one.token.sentence != sentence:
            return ""
        if one.role:
            return "S" if one.role in _SIDES else "T"
    return ""


def _words(document: Document, seen: Sequence[_Seen]) -> dict[str, None]:
    names: dict[str, None] = {}
    previous = ""
    chain: list[str] = []
    sentence = -1
    for one in seen:
        token = one.token
        if token.sentence != sentence:
            sentence, previous = token.sentence, ""
            chain = []
        label = one.role or token.word
        if not one.role and not token.word[0].isalnum() and token.word not in _KEPT_MARKS:
            continue
        names[f"w:{label}"] = None
        if document.in_title(token):
            names[f"t:{label}"] = None
        if previous:
            names[f"b:{previous} {label}"] = None
        previous = label
        step = ""
        if one.role:
            step = one.role
            _actor_words(token, one.role, names)
        else:
            step = next((group for group in one.groups if group != "hedge"), "")
            if one.negated and step in POLAR:
                step = f"un{step}"
        if step:
            chain.append(step)
            for length in (2, 3, 4):
                if len(chain) >= length:
                    names["f:" + " ".join(chain[-length:])] = None
    return names


def _actor_words(token: Token, role: str, names: dict[str, None]) -> None:
    if token.hit is None:
        return
    if role == "OT":
        for actor, _ in token.hit.actors:
            names[f"o:{actor}"] = None
        return
    if role in _SIDES:
        # "Putin calls Xi" is another kind of news than "Russian firms": the kind is kept, the name is not.
        names[f"k:{token.hit.group}"] = None
    if token.hit.group == "implies":
        names[f"w:{token.word}"] = None


@lru_cache(maxsize=100_000)
def _grams(word: str) -> dict[str, None]:
    """Character n-grams (3 to 5) of a word with its edges, which find signed in signing and words never seen."""
    edged = f"<{word[:24]}>"
    return dict.fromkeys(
        f"c:{edged[i : i + n]}" for n in (3, 4, 5) for i in range(len(edged) - n + 1) if n < len(edged)
    )
