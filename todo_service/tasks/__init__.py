"""Tasks: the endpoints, and the statements behind them."""
