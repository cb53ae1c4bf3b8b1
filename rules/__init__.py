"""What several processors share: conditions, durations, matchers, patterns."""
