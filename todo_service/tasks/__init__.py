"""What a person does with tasks: the endpoints, and the statements behind them."""
