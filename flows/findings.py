"""What an examination of the installation gives: findings, each with the one next step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from store.errors import RicwatchError
from store.settings import Settings


@dataclass(frozen=True, slots=True)
class Finding:
    """One examined thing. `advice` is empty when nothing needs doing; `serious` findings stop the main job."""

    what: str
    state: str
    advice: str = ""
    serious: bool = False

    @property
    def well(self) -> bool:
        return not self.advice

    def as_record(self) -> dict[str, object]:
        """For a machine."""
        return {"what": self.what, "state": self.state, "advice": self.advice, "serious": self.serious, "ok": self.well}


Look = Callable[[Settings], Finding]


def guarded(what: str, look: Look, settings: Settings) -> Finding:
    """What *look* finds; an error that it raises is a serious finding."""
    try:
        return look(settings)
    except (RicwatchError, OSError) as error:
        return Finding(what, str(error), "mend this first; the main job needs it", serious=True)
