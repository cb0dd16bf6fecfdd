"""The account: all that is held of a user, to see, to export and to erase."""
