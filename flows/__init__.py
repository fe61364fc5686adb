"""The steps as Prefect flows and as the command line `ricwatch`; the only room that imports Prefect."""
