"""Articles come in; one reading per article and model version (dyads, stance, themes, claim, evidence) goes out."""
