"""The command line `ricwatch`. Every command is a flow or calls one; those on files need no database and no server.

Exit status: 0 done, 1 could not be done (one line says why), 2 wrong usage, 3 no feed reached, 130 interrupted.
"""

from __future__ import annotations

import asyncio
import sys
import traceback
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.approve_command import approve
from flows.claims_command import claims
from flows.classify_command import classify
from flows.deeds_command import deeds
from flows.environment import prepare
from flows.evaluate import evaluate
from flows.exits import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_NOTHING_REACHED
from flows.feeds_command import feeds_app
from flows.narratives_command import narratives
from flows.operate_command import backup, metrics, restore, tidy
from flows.outbox_command import outbox_app
from flows.parse_command import parse
from flows.report_command import export, report
from flows.setup_command import setup
from flows.shifts_command import judge, judged, shifts, silence_app
from flows.subscribers_command import subscribers_app
from flows.trace_command import trace
from store.errors import RicwatchError

# Typer brings its own copy of click from 0.26 on, so the class is asked for and not imported.
UsageError: Any = typer.BadParameter.__bases__[0]

app = typer.Typer(
    name="ricwatch",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Tells an analyst when press coverage of the ties between some states shifts.\n\n"
    "Start with **ricwatch run** (once, now) or **ricwatch serve** (schedules, forms, pages in a browser). "
    "**ricwatch doctor** tells what is set up and what is missing.",
)
digest_app = typer.Typer(no_args_is_help=True, help="Look at digests.")
app.add_typer(digest_app, name="digest")
app.add_typer(feeds_app, name="feeds")
app.add_typer(subscribers_app, name="subscribers")
app.add_typer(silence_app, name="silence")
app.add_typer(outbox_app, name="outbox")

_state = {"debug": False}


class Kind(StrEnum):
    """Digests that can be previewed."""

    MANUAL = "manual"
    WEEKLY = "weekly"
    TEST = "test"


FIRST_LOOK = "2024-11-05"
"""Day until which `run` replays the archive for someone who wants to see the monitor at work: the whole takes long."""


class Trained(StrEnum):
    """Backends that learn from labelled items."""

    FUSED = "fused"
    LINEAR = "linear"
    MULTILINGUAL = "multilingual"


Out = Annotated[Path | None, typer.Option("--output", "-o", help="Where the result goes.", resolve_path=True)]


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the trace of an error.")] = False,
) -> None:
    _state["debug"] = debug


def _run(flow: Any, **parameters: Any) -> Any:
    done = asyncio.run(flow(**parameters))
    # A flow raises what its failed state holds; its mere function gives that state (see `flows.plainly`).
    error = getattr(done, "data", None)
    if isinstance(error, RicwatchError):
        raise error
    return done


@app.command()
def run(
    force: Annotated[bool, typer.Option("--force", help="Poll also feeds that are not due yet.")] = False,
    send: Annotated[bool, typer.Option("--send/--no-send", help="Send the digest that is due.")] = True,
    or_replay: Annotated[
        bool, typer.Option("--or-replay", help="When no feed can be reached, replay the bundled archive instead.")
    ] = False,
    as_of: Annotated[
        str, typer.Option("--as-of", help="A past day, 2025-03-04: asks no feed, mails nobody, shows its digest.")
    ] = "",
) -> None:
    """Do the main job once: poll, read, count, decide, mail.

    Examples:

    - `ricwatch run` – now, as the hourly schedule would
    - `ricwatch run --force --no-send` – poll everything, send nothing
    - `ricwatch run --as-of 2026-11-02` – the digest of that day, from what is known now
    """
    prepare(flows=True)
    from flows import tables
    from flows.monitor import monitor

    report = _run(monitor, force=force, send=send, as_of=as_of)
    tables.monitor(report)
    if not report.nothing_reached:
        return
    tables.say(
        "No feed could be reached: every one of the "
        f"{report.feeds_due} feeds failed before it answered. Is this machine on the network?"
    )
    if not or_replay:
        raise typer.Exit(EXIT_NOTHING_REACHED)
    tables.say(
        f"Going on to the bundled archive: a REPLAY of demo outlets, in a database of its own, until {FIRST_LOOK}; its "
        "first shift is told by then. The rest of it: ricwatch replay"
    )
    _replay(fresh=False, until=FIRST_LOOK)


@app.command()
def replay(
    fresh: Annotated[bool, typer.Option("--fresh", help="Throw the last replay away first.")] = False,
    until: Annotated[str, typer.Option(help="Last simulated day, for example 2024-12-31.")] = "",
) -> None:
    """Show the monitor at work without a network, on the bundled archive of demo outlets.

    Everything it makes lies in `var/replay` and is marked REPLAY.

    Examples:

    - `ricwatch replay` – from where the last replay stopped to the archive's end
    - `ricwatch replay --fresh --until 2024-12-31`
    """
    prepare(flows=True)
    _replay(fresh=fresh, until=until)


def _replay(*, fresh: bool, until: str) -> None:
    from flows import tables
    from flows.replay import replay as replay_flow
    from store.settings import get_settings

    report = _run(replay_flow, fresh=fresh, until=until)
    if report.feeds_due == 0:
        folder = get_settings().var_dir / "replay" / "digests"
        tables.say(f"REPLAY: nothing is left to replay; its digests lie in {folder}")
        tables.say("To start again: ricwatch replay --fresh")
        return
    tables.monitor(report, mark="REPLAY")


@app.command()
def serve(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the pages.")] = 4200,
    host: Annotated[
        str, typer.Option(help="Address to listen on; one that others reach needs RICWATCH_API_AUTH.")
    ] = "127.0.0.1",
) -> None:
    """Start the Prefect server, a worker and all deployments on loopback; Ctrl-C stops everything.

    With RICWATCH_API_AUTH=user:password the pages and the API ask for both; commands give them by themselves.

    Examples:

    - `ricwatch serve --port 4300`
    - `ricwatch serve --host 192.0.2.7`
    """
    from flows.serve import serve as serve_all
    from store.settings import get_settings

    serve_all(get_settings(), port=port, host=host, say=typer.echo)


@app.command()
def seeds(
    originals: Annotated[
        Path | None, typer.Option(help="Folder with the seed documents' originals.", resolve_path=True)
    ] = None,
) -> None:
    """Load the seed documents and claims; check each precis against its original.

    Example: `ricwatch seeds --originals ~/seed-documents`
    """
    prepare(flows=True)
    from flows import tables
    from flows.seeds import ingest_seeds_flow

    tables.seeds(_run(ingest_seeds_flow, originals=str(originals or "")))


@app.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(help="Items, .jsonl or .jsonl.gz.", resolve_path=True)],
) -> None:
    """Load dated items as articles. Can be run again; goes on where an interrupted import stopped.

    Example: `ricwatch import archive-2023.jsonl.gz archive-2024.jsonl.gz`
    """
    prepare(flows=True)
    from flows import tables
    from flows.import_archive import import_archive

    tables.imported(_run(import_archive, files=[str(file) for file in files]))


@app.command()
def detect(
    series: Annotated[
        Path | None, typer.Argument(help="Daily counts, .csv; none takes what is stored.", resolve_path=True)
    ] = None,
    output: Out = None,
    false_alarms_per_year: Annotated[
        float | None, typer.Option(min=0.01, max=52.0, help="Target for false alarms a year over all series together.")
    ] = None,
) -> None:
    """Decide whether coverage shifted.

    Examples:

    - `ricwatch detect` – on what is stored
    - `ricwatch detect series.csv -o shifts.jsonl` – on a file with the columns date,dyad,plus,zero,minus[,total]
    - `ricwatch detect series.csv -o shifts.jsonl --false-alarms-per-year 0.5`
    """
    if series is None and (output is not None or false_alarms_per_year is not None):
        hint = "--output" if output is not None else "--false-alarms-per-year"
        raise typer.BadParameter("it is for a file of daily counts, which must be named too", param_hint=hint)
    if series is not None and output is None:
        raise typer.BadParameter("say where the shifts go: -o shifts.jsonl", param_hint="--output")
    prepare(flows=series is None)
    from flows import tables
    from flows.detect_shifts import detect as detect_flow

    if series is None:
        tables.say(_run(detect_flow, return_state=True).message)
        return
    rate = false_alarms_per_year or 0.0
    done = _run(detect_flow.fn, series=str(series), shifts=str(output), false_alarms_per_year=rate).data
    tables.bad_lines(series.name, [(bad.number, bad.reason) for bad in done.bad])
    tables.say(f"{len(done.found):,} shifts, {len(done.bad):,} lines skipped; shifts in {output}")


@app.command()
def backtest(
    items: Annotated[Path, typer.Argument(help="Items, .jsonl or .jsonl.gz.", resolve_path=True)],
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the results.", resolve_path=True)],
    start: Annotated[str, typer.Option("--from", help="First day, for example 2020-01-01.")] = "",
    end: Annotated[str, typer.Option("--to", help="Last day, for example 2020-12-31.")] = "",
    events: Annotated[
        Path | None,
        typer.Option(help="Dated events (.yaml or .csv: date, tie, direction, label).", resolve_path=True),
    ] = None,
    permutations: Annotated[
        int, typer.Option(min=0, max=10_000, help="Permuted histories that measure false shifts; 0 for none.")
    ] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Of the permuted histories.")] = 1,
) -> None:
    """Run dated items through the same code, day by day, with nothing from the future.

    Writes report.html, coverage.png, figures.json, series.csv, shifts.jsonl, digests/*.html and summary.md into the
    folder; docs/backtest.md explains the report.

    Example: `ricwatch backtest 2020.jsonl.gz --from 2020-01-01 --to 2020-12-31 --events events.yaml -o backtest-2020`
    """
    prepare()
    from flows import tables
    from flows.backtest import backtest as backtest_flow

    options = {"start": start, "end": end, "events": str(events or ""), "permutations": permutations, "seed": seed}
    tables.backtest(_run(backtest_flow.fn, items=str(items), output=str(output), **options).data)


@digest_app.command("preview")
def digest_preview(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="HTML file; none puts it under var/.", resolve_path=True)
    ] = None,
    kind: Annotated[Kind, typer.Option(help="Which digest.")] = Kind.MANUAL,
    as_of: Annotated[str, typer.Option(help="A day such as 2025-03-04; none means now.")] = "",
    reader: Annotated[str, typer.Option("--for", help="Mail address of the reader who would get it.")] = "",
) -> None:
    """Compose the digest as it stands and write it as HTML; stores and sends nothing.

    Examples:

    - `ricwatch digest preview -o digest.html`
    - `ricwatch digest preview --for ann@example.org` – with her ties, themes and dates
    """
    prepare()
    from flows import tables
    from flows.send_digest import write_preview

    tables.say(f"Digest written to {write_preview(output, kind=kind.value, as_of=as_of, address=reader)}")


@app.command()
def label(
    items: Annotated[Path, typer.Argument(help="Items, .jsonl or .jsonl.gz.", resolve_path=True)],
    *,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Labels file; none puts it beside the items.", resolve_path=True),
    ] = None,
    second: Annotated[str, typer.Option(help="Name of a second reader, who sees no labels of the first.")] = "",
    every: Annotated[int, typer.Option(min=1, help="The second reader reads only every n-th of them.")] = 1,
    suggest: Annotated[int, typer.Option(min=0, help="Offer so many items whose label would teach most.")] = 0,
    agreement: Annotated[bool, typer.Option("--agreement", help="Only tell how far the readers agree.")] = False,
) -> None:
    """Label items by single keys; saves as it goes and goes on where it stopped (docs/labelling.md).

    Examples:

    - `ricwatch label news.jsonl` – every item, in order
    - `ricwatch label news.jsonl --suggest 50` – the 50 from which the classifier would learn most
    - `ricwatch label news.jsonl --second ann --every 10` – every tenth a second time, by Ann
    - `ricwatch label news.jsonl --agreement`
    """
    from flows import tables
    from flows.label import agreement_of, label_file

    if second and suggest:
        raise typer.BadParameter("a second reader reads what the first read; leave it out", param_hint="--second")
    done = agreement_of(items, output) if agreement else label_file(items, output, second, every, suggest)
    for line in done:
        tables.say(line)


@app.command()
def train(
    items: Annotated[
        list[Path] | None, typer.Argument(help="Labelled items, .jsonl or .jsonl.gz.", resolve_path=True)
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Weights folder; none takes the topic's own.", resolve_path=True),
    ] = None,
    more: Annotated[
        list[Path] | None, typer.Option("--items", help="Labelled items; can be given again.", resolve_path=True)
    ] = None,
    *,
    labels: Annotated[
        list[Path] | None, typer.Option(help="Labels without texts; can be given again.", resolve_path=True)
    ] = None,
    texts: Annotated[
        list[Path] | None, typer.Option(help="Items to take their texts from; can be given again.", resolve_path=True)
    ] = None,
    news: Annotated[
        list[Path] | None,
        typer.Option(help="Unlabelled items for the backend fused; can be given again.", resolve_path=True),
    ] = None,
    pairs: Annotated[
        list[Path] | None,
        typer.Option(help="Labels of any two states in --news; can be given again.", resolve_path=True),
    ] = None,
    backend: Annotated[
        Trained, typer.Option(help="Which classifier: linear needs the extra train, fused the extra tune.")
    ] = Trained.LINEAR,
    further: Annotated[
        bool, typer.Option("--further", help="The network that reads the topic now learns on, instead of anew.")
    ] = False,
) -> None:
    """Train a classifier on labelled items; the default reader is the backend `fused`, which takes an hour.

    Without --output the weights go where reading finds them: those of the shipped topic into classify/weights, those of
    another into the folder weights among its seeds (docs/another-topic.md).

    With unlabelled news the network of `fused` learns more: minutes on a graphics card, many hours on two cores. With
    --further it learns on from where it stands, in less than an hour of one core; where it knew the topic, what it was
    counts for half.

    Examples:

    - `ricwatch train labelled.jsonl.gz -o weights`
    - `ricwatch train --items labelled.jsonl.gz --labels classify/labels/streams.jsonl --texts 2020.jsonl.gz -o weights`
    - `ricwatch train --backend fused --items labelled.jsonl.gz --news 2020.jsonl.gz -o weights` – the default reader
    - `ricwatch train --backend fused --items labelled.jsonl.gz --news 2023.jsonl.gz --pairs
      classify/labels/otherpairs.jsonl -o weights` – and from what was read of other states in that news
    - `ricwatch train --backend fused --further --items labelled.jsonl.gz --news 2023.jsonl.gz --pairs
      classify/labels/otherpairs.jsonl -o weights` – the network that there is learns on
    - `ricwatch train --backend multilingual labelled.jsonl.gz` – into `var/multilingual`, where reading finds it
    """
    from flows import tables
    from flows.training import train_files

    labelled = [*(items or []), *(more or [])]
    for line in train_files(
        labelled,
        output,
        labels=labels or [],
        texts=texts or [],
        backend=backend.value,
        news=news or [],
        pairs=pairs or [],
        further=further,
    ):
        tables.say(line)


for command in (
    approve, classify, setup, backup, restore, tidy, metrics, evaluate, claims, narratives, report, export, parse,
    shifts, judge, judged, trace, deeds,
):  # fmt: skip
    app.command()(command)


@app.command()
def doctor(
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document instead of a table, for a machine.")
    ] = False,
) -> None:
    """Tell what is configured, reachable and migrated, and what to do about what is not.

    Exit status 1 when something stops the main job. Sends nothing; a mail server is greeted and logged in to.

    Examples:

    - `ricwatch doctor`
    - `ricwatch doctor --json`
    """
    from flows import tables
    from flows.doctor import examine
    from flows.findings import Finding
    from store.errors import ConfigError
    from store.settings import get_settings

    try:
        found = asyncio.run(examine(get_settings()))
    except ConfigError as error:
        if not as_json:
            raise
        found = [Finding("Settings", str(error), "correct it in .env or in the environment", serious=True)]
    if as_json:
        typer.echo(tables.findings_json(found))
    else:
        tables.findings(found)
    if any(one.serious for one in found):
        raise typer.Exit(EXIT_FAILED)


def main() -> None:
    """Entry point: errors are one line and an exit status; the trace is behind ``--debug``."""
    try:
        code = app(standalone_mode=False)
    except typer.Exit as leave:
        code = leave.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = EXIT_INTERRUPTED
    except RicwatchError as error:
        _complain(str(error))
        code = EXIT_FAILED
    except UsageError as error:
        error.show()
        code = error.exit_code
    except Exception as error:
        # The outermost edge: nothing below may show a bare trace.
        from store.faults import in_words

        _complain(str(in_words(error) or _unexpected(error)))
        code = EXIT_FAILED
    if code == EXIT_INTERRUPTED:  # newer Typer turns Ctrl-C into this status itself and raises nothing
        typer.echo("Interrupted; run it again to go on.", err=True)
    sys.exit(code or 0)


def _unexpected(error: Exception) -> str:
    return f"unexpected {type(error).__name__}: {error}. Run it again with --debug to see where."


def _complain(line: str) -> None:
    if _state["debug"]:
        traceback.print_exc()
    typer.echo(f"ricwatch: {line}", err=True)


if __name__ == "__main__":
    main()
