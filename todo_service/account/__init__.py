"""What a person does with all that is held of them: see it, take it along, erase it."""
