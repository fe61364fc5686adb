"""The colours of mails and charts, in one place so that a test can hold their contrast.

Blue for convergence and orange for divergence stay apart for every common colour blindness; a word or an arrow always
says the same. The chart's are mid-tones on an opaque card: a client that inverts colours leaves images alone.
"""

from __future__ import annotations

LIGHT = {
    "page": "#eceae5",
    "card": "#ffffff",
    "panel": "#f6f4ef",
    "line": "#dcd8cf",
    "ink": "#1d2327",
    "soft": "#565f66",
    "link": "#17577f",
    "up": "#17608c",
    "down": "#a1430f",
    "flat": "#5c646a",
    "warn": "#7a4b00",
    "warn_panel": "#fcf1d9",
    "bar_up": "#3a86b4",
    "bar_flat": "#c3c0b8",
    "bar_down": "#d2763c",
}
DARK = {
    "page": "#121517",
    "card": "#1b2023",
    "panel": "#242a2e",
    "line": "#3a4247",
    "ink": "#eceae6",
    "soft": "#b0b8bd",
    "link": "#8cc8ee",
    "up": "#8cc8ee",
    "down": "#f3ac7c",
    "flat": "#b9c0c4",
    "warn": "#f2cd83",
    "warn_panel": "#3a2f16",
    "bar_up": "#4f9dcc",
    "bar_flat": "#6a7277",
    "bar_down": "#d98348",
}
CHART = {
    "card": "#f6f4ef",
    "ink": "#3d464c",
    "soft": "#636b71",
    "line": "#2f6f97",
    "band": "#cfd9dd",
    "bars": "#d9d3c6",
    "zero": "#a9a9a3",
    "up": "#17608c",
    "down": "#a1430f",
    "flat": "#5c646a",
}
