"""What each command can be told, one file a command; nothing here imports anything heavy."""
