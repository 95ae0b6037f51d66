"""Stories in every mode: inputs in, journal and screen out."""
