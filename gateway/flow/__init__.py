"""The journey of a message: accept, deliver, settle, and the clock."""
