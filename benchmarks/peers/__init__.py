"""What the service is measured against: the same six calls, as one would write them instead."""
