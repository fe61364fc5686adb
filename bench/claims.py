"""The nearest claims on judged headlines: ``python -m bench.claims``."""

from __future__ import annotations

import time
from dataclasses import astuple, fields

from classify.actors import Matcher
from classify.claimpairs import ClaimFigures, Use, load_pairs, measure
from classify.claims import ClaimFinder
from classify.model import get_backend
from classify.parameters import WEIGHTS, load_parameters
from classify.text import make_document
from ingest.topic import load_topic
from store.settings import get_settings


def main() -> None:
    """Print figures with labelled readings and with those of the configured backend, and the time of the claim step."""
    settings = get_settings()
    topic = load_topic(settings.seeds_dir)
    matcher = Matcher(topic)
    finder = ClaimFinder(topic.claims, matcher, load_parameters(WEIGHTS).item_words.idf_of)
    model = get_backend(settings.model, topic)
    pairs = load_pairs()
    documents = {pair.item.id: make_document(pair.item, matcher) for pair in pairs}
    reads = {pair.item.id: read for pair, read in zip(pairs, model.read([pair.item for pair in pairs]), strict=True)}
    print(f"{'':24}" + "".join(f"{field.name:>10}" for field in fields(ClaimFigures)))
    for use in Use:
        chosen = [pair for pair in pairs if pair.use is use]
        labelled = measure(chosen, lambda pair: finder.find(documents[pair.item.id], *pair.as_labelled()))
        read = measure(
            chosen,
            lambda pair: finder.find(documents[pair.item.id], reads[pair.item.id].dyads, reads[pair.item.id].themes),
        )
        for name, figures in (("labels", labelled), (model.version.split("-")[0], read)):
            print(f"{use + ', ' + name:24}" + "".join(f"{_shown(value):>10}" for value in astuple(figures)))
    started = time.perf_counter()
    for pair in pairs * 5:
        finder.find(documents[pair.item.id], *pair.as_labelled())
    print(f"{(time.perf_counter() - started) / len(pairs) / 5 * 1000:.3f} ms an item")


def _shown(value: float | None) -> str:
    return "–" if value is None else str(value) if isinstance(value, int) else f"{value:.2f}"


if __name__ == "__main__":
    main()
