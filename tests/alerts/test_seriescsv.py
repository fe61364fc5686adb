"""`ricwatch detect`: counts from a file, shifts to a file."""

from __future__ import annotations

import datetime as dt
import json
import math
import random
from pathlib import Path

import numpy as np
import pytest

from alerts.seriescsv import detect_file, read_series
from store.errors import InputError

FIRST = dt.date(2021, 1, 1)


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def shifted_rows(days: int = 160, at: int = 110, dyad: str = "X-Y") -> list[str]:
    """Counts whose tone turns divergent on day *at*."""
    rng = np.random.default_rng(4)
    rows = []
    for index in range(days):
        mean = 0.3 if index < at else -0.5
        plus, minus = rng.poisson(12 * (1 + mean)), rng.poisson(12 * (1 - mean))
        rows.append(f"{FIRST + dt.timedelta(days=index)},{dyad},{plus},3,{minus}")
    return rows


def test_a_shift_is_written_as_one_json_line(tmp_path: Path) -> None:
    source = write(tmp_path / "s.csv", "\n".join(["date,dyad,plus,zero,minus", *shifted_rows()]) + "\n")
    target = tmp_path / "out" / "shifts.jsonl"
    report = detect_file(source, target)
    (line,) = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    assert (line["dyad"], line["kind"], line["direction"]) == ("X-Y", "stance", "divergence")
    assert abs((dt.date.fromisoformat(line["onset"]) - FIRST).days - 110) <= 3
    assert line["onset"] <= line["detected"]
    assert line["low"] < line["magnitude"] < line["high"] < 0
    assert line["confidence"] in {"moderate", "strong", "very strong"}
    assert line["text"].startswith("X-Y coverage turned more divergent around ")
    assert "outlet" not in line["text"]
    assert line["outlets"] is None
    assert (report.lines, report.dyads, report.days, list(report.bad)) == (160, 1, 160, [])
    assert [path.name for path in target.parent.iterdir()] == ["shifts.jsonl"]


def test_order_of_rows_and_columns_and_further_columns_do_not_matter(tmp_path: Path) -> None:
    rows = shifted_rows()
    plain = write(tmp_path / "a.csv", "\n".join(["date,dyad,plus,zero,minus", *rows]))
    turned = [",".join([*reversed(row.split(",")), "note"]) for row in rows]
    random.Random(2).shuffle(turned)
    other = write(tmp_path / "b.csv", "\ufeffMinus,zero,plus,dyad,date,remark\r\n" + "\r\n".join(turned) + "\r\n")
    detect_file(plain, tmp_path / "a.jsonl")
    detect_file(other, tmp_path / "b.jsonl")
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes() != b""


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("2021-13-01,X-Y,1,1,1", "'2021-13-01' is no date"),
        ("0021-01-01,X-Y,1,1,1", "the year 21 is outside"),
        ("2021-05-01,X-Y,nan,1,1", "plus is 'nan'; a count must be finite"),
        ("2021-05-01,X-Y,1,inf,1", "zero is 'inf'; a count must be finite"),
        ("2021-05-01,X-Y,1,1,-4", "minus is -4; a count cannot be negative"),
        ("2021-05-01,X-Y,1,,1", "zero is '', which is no number"),
        ("2021-05-01,X-Y,many,1,1", "plus is 'many', which is no number"),
        ("2021-05-01,X-Y,1e12,1,1", "taken for an error"),
        ("2021-05-01,,1,1,1", "no dyad is named"),
        ("2021-05-01,X-Y,1,1", "4 fields where the header names 5"),
        ("2021-05-01,X-Y,1,1,1,1", "6 fields where the header names 5"),
        ("2021-01-01,X-Y,1,1,1", "a second line for X-Y on 2021-01-01; the first is line 2"),
    ],
)
def test_a_bad_line_is_named_and_skipped(tmp_path: Path, line: str, reason: str) -> None:
    rows = ["date,dyad,plus,zero,minus", "2021-01-01,X-Y,1,2,3", line, "2021-01-02,X-Y,1,2,3", ""]
    series = read_series(write(tmp_path / "s.csv", "\n".join(rows)))
    assert [bad.number for bad in series.bad] == [3]
    assert reason in series.bad[0].reason
    assert series.lines == 3
    assert len(series.counts["X-Y"]) == 2


def test_a_total_less_than_its_parts_is_a_bad_line_and_an_empty_one_is_unknown(tmp_path: Path) -> None:
    rows = ["date,dyad,plus,zero,minus,total", "2021-01-01,X-Y,1,2,3,", "2021-01-02,X-Y,1,2,3,5"]
    series = read_series(write(tmp_path / "s.csv", "\n".join(rows)))
    assert [bad.number for bad in series.bad] == [3]
    assert series.counts["X-Y"][FIRST].total is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"date,dyad,plus,minus\n2021-01-01,X-Y,1,1\n", "the header lacks zero"),
        (b"date,dyad,plus,zero,minus,plus\n", "names plus twice"),
        (b'{"id": 1}\n', "the header lacks date"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "is not a text file"),
        (b"a\x00b", "NUL"),
        (b"date,dyad,plus,zero,minus\nx,y,z,1,2\n", "none of its 1 lines is good; line 2"),
    ],
)
def test_what_is_no_such_file_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "s.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=reason):
        detect_file(path, tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()


def test_a_missing_file_and_a_senseless_rate_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        read_series(tmp_path / "none.csv")
    source = write(tmp_path / "s.csv", "date,dyad,plus,zero,minus\n2021-01-01,X-Y,1,1,1\n")
    for rate in (0.0, -1.0, math.nan):
        with pytest.raises(InputError, match="above zero"):
            detect_file(source, tmp_path / "out.jsonl", false_alarms_per_year=rate)


def test_a_header_alone_gives_an_empty_file_and_leaves_no_old_one(tmp_path: Path) -> None:
    target = write(tmp_path / "out.jsonl", "old\n")
    report = detect_file(write(tmp_path / "s.csv", "date,dyad,plus,zero,minus\n"), target)
    assert target.read_text(encoding="utf-8") == ""
    assert (report.lines, report.dyads, report.days) == (0, 0, 0)


def test_a_target_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    source = write(tmp_path / "s.csv", "date,dyad,plus,zero,minus\n2021-01-01,X-Y,1,1,1\n")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="cannot write"):
        detect_file(source, tmp_path / "folder")
    assert list((tmp_path / "folder").iterdir()) == []


def test_a_file_cut_short_gives_the_same_up_to_there(tmp_path: Path) -> None:
    rows = [*shifted_rows(260, 110, "A"), *shifted_rows(260, 150, "B")]
    whole = write(tmp_path / "whole.csv", "\n".join(["date,dyad,plus,zero,minus", *rows]))
    cut_at = (FIRST + dt.timedelta(days=130)).isoformat()
    early = [row for row in rows if row[:10] <= cut_at]
    short = write(tmp_path / "short.csv", "\n".join(["date,dyad,plus,zero,minus", *early]))
    found = [one for one in detect_file(whole, tmp_path / "w.jsonl").found if one.detected.isoformat() <= cut_at]
    assert found
    assert list(detect_file(short, tmp_path / "s.jsonl").found) == found


@pytest.mark.data
def test_real_daily_counts_show_the_clash_of_june_2020(data: Path, tmp_path: Path) -> None:
    import csv

    rows = ["date,dyad,plus,zero,minus"]
    with (data / "dyad_daily_dev.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["series"] == "igrm_gdelt_events":
                plus, minus = int(row["n_coop"]), int(row["n_conflict"])
                zero = max(0, int(row["n_events"]) - plus - minus)
                rows.append(f"{row['date']},{row['dyad']},{plus},{zero},{minus}")
    report = detect_file(write(tmp_path / "s.csv", "\n".join(rows)), tmp_path / "out.jsonl")
    clash = dt.date(2020, 6, 15)
    near = [one for one in report.found if one.dyad == "India-China" and 0 <= (one.detected - clash).days <= 14]
    assert near
