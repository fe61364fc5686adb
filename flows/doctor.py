"""What `ricwatch doctor` examines: each finding says what is, and the one next step where something is not."""

from __future__ import annotations

from flows import doctor_mail, doctor_setup, doctor_watch
from flows.findings import Finding, Look, guarded
from store.settings import Settings

LOOKS: tuple[tuple[str, Look], ...] = (
    ("Python", doctor_setup.python),
    ("Packages", doctor_setup.packages),
    ("Folder", doctor_setup.folder),
    ("Disk", doctor_setup.disk),
    ("Database", doctor_setup.database),
    ("Seeds", doctor_setup.topic),
    ("Feeds", doctor_setup.roster),
    ("Contact", doctor_setup.contact),
    ("Classifier", doctor_setup.classifier),
    ("Templates", doctor_setup.templates),
    ("Addresses", doctor_mail.addresses),
    ("Mail", doctor_mail.mail),
    ("Outbox", doctor_mail.outbox),
    ("Last mail", doctor_mail.last_mail),
    ("Last run", doctor_watch.last_run),
    ("Full texts", doctor_watch.full_texts),
    ("Prefect", doctor_watch.server),
)
"""In the order in which a person would mend them."""


async def examine(settings: Settings) -> list[Finding]:
    """All findings."""
    findings = [guarded(what, look, settings) for what, look in LOOKS]
    return [*findings, *await doctor_watch.network(settings)]
