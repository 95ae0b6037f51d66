"""Settings: flags over environment over files over defaults, as one frozen value.

places    where files are: standard library only, so that `status` and `halt` start fast
fields    how a key is written down: type, unit, range, one sentence
model     every section and key, with its default
sources   one origin's values, read and checked key by key
load      all origins together: Settings, or every finding at once
template  config.toml, written from the model
"""
