"""Who is asking, and how much: bearer tokens, key sets, rate limits."""
